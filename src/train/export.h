// Trained weights -> the files of a model folder.
#pragma once

#include <filesystem>
#include <string>

#include "tensor/gguf_file.h"
#include "train/llama_lora.h"

namespace pandagpt::train {

/// Their names in a model folder and in a run's.
inline constexpr const char* kProjectorFile = "projector.gguf";
inline constexpr const char* kAdapterFile = "adapter.gguf";

enum class ExportType { kF16, kF32 };

/// Adds a tensor of any type and shape. Vectors stay float32: they are small, and ggml adds them in
/// that type.
void add_tensor(GgufWriter& writer, const std::string& name, const torch::Tensor& tensor,
                ExportType type);

/// projector.gguf: the folded linear map, and the lexicon if there is one. `n_image_tokens`: of the
/// linear map.
void export_projector(const Projector& projector, std::int64_t n_image_tokens, ExportType type,
                      const std::filesystem::path& path);

/// adapter.gguf in llama.cpp's LoRA format.
void export_adapter(const LlamaLora& model, ExportType type, const std::filesystem::path& path);

}  // namespace pandagpt::train
