// Trained weights -> the files of a model folder.
#pragma once

#include <filesystem>

#include "train/llama_lora.h"

namespace pandagpt::train {

/// Their names in a model folder and in a run's.
inline constexpr const char* kProjectorFile = "projector.gguf";
inline constexpr const char* kAdapterFile = "adapter.gguf";

enum class ExportType { kF16, kF32 };

/// projector.gguf: the folded linear map, tensors llama_proj.weight and llama_proj.bias.
void export_projector(const Projector& projector, std::int64_t n_image_tokens, ExportType type,
                      const std::filesystem::path& path);

/// adapter.gguf in llama.cpp's LoRA format.
void export_adapter(const LlamaLora& model, ExportType type, const std::filesystem::path& path);

}  // namespace pandagpt::train
