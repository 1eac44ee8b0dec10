// The weight files of a PandaGPT of the official shapes with random weights: what memory, loading
// and speed are measured with where the published files aren't at hand. Its answers mean nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "convert/llama_config.h"
#include "encoders/imagebind_config.h"

namespace pandagpt {

/// LLaMA 7B and 13B (Touvron et al., arXiv:2302.13971, table 2).
LlamaConfig llama_7b();
LlamaConfig llama_13b();

struct SyntheticPanda {
  LlamaConfig llm = llama_7b();
  std::vector<TowerConfig> towers = {imagebind_huge_config(TowerKind::kVision)};
  std::int64_t lora_rank = 32;
  float lora_alpha = 32;
  /// Told how many bytes have been written, of how many. What it throws ends the work.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress = {};
};

/// Each writes one file: the language model in Q4_K_M's mixture of types, with a small vocabulary
/// of bytes and the prompt's words; the towers in q8_0; projector and adapter as training leaves
/// them. The same bytes every time. Throws Error(kInternal) if the file can't be written.
void write_synthetic_llm(const SyntheticPanda& panda, const std::filesystem::path& path);
void write_synthetic_encoders(const SyntheticPanda& panda, const std::filesystem::path& path);
void write_synthetic_projector(const SyntheticPanda& panda, const std::filesystem::path& path);
void write_synthetic_adapter(const SyntheticPanda& panda, const std::filesystem::path& path);

}  // namespace pandagpt
