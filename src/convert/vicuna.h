// LLaMA-type models of transformers (LLaMA, Vicuna) -> a GGUF file that llama.cpp runs.
#pragma once

#include <llama.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace pandagpt {

/// What the conversion can be told.
struct VicunaConversion {
  /// A folder of differences to add, as Vicuna v0 and v1.1 were published; empty: none. The
  /// vocabulary is then the differences'.
  std::filesystem::path delta = {};
  /// f32, f16, bf16 and q8_0 are written directly: matrices in that type, vectors in f32. Any other
  /// goes by way of a temporary 16-bit file beside the output.
  llama_ftype type = LLAMA_FTYPE_MOSTLY_F16;
  int n_threads = 0;      ///< 0: one a physical core
  std::string name = {};  ///< for the metadata; empty: the folder's
  std::string license = {};
  std::string source = {};  ///< where the weights came from, for the metadata
  /// Told how many bytes have been written, of how many. What it throws ends the conversion.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress = {};
  /// The same for the tensors of the second step, where there is one.
  std::function<void(int done, int total)> on_quantized = {};
};

/// Converts `folder` (config.json, tokenizer.model, and weights in any form that open_tensor_source
/// takes) to `output`, which is written atomically, with the keys of llama.cpp's own converter.
/// Needs little memory whatever the size: the tensors are streamed.
///
/// With `delta`, each value is base + difference, both rounded to f16 first and the sum again, and
/// rows that the base lacks are zeros: bit for bit what FastChat 0.1.10 does (apply_delta.py).
/// The sizes are those of both configs, the constants the base's.
///
/// Throws Error(kModel) with the names of missing, surplus or wrongly shaped tensors, and for what
/// read_llama_config and read_llama_vocabulary refuse; Error(kUsage) if the output would replace an
/// input.
void convert_vicuna(const std::filesystem::path& folder, const std::filesystem::path& output,
                    const VicunaConversion& conversion = {});

}  // namespace pandagpt
