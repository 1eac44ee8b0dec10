// A LoRA adapter's products added to the weights that it is for: a language model of its own.
#pragma once

#include <llama.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace pandagpt {

struct LoraMerge {
  float scale = 1.0F;  ///< of the whole adapter, beside its own alpha / r
  /// Store what is changed in the base's own types, rounding anew. Without it, tensors of quantised
  /// types become f16; f32, f16 and bf16 stay.
  bool keep_types = false;
  /// The whole file in this type afterwards, by quantize_llm and way of a temporary file beside the
  /// output. A base of quantised types needs `allow_requantize`, since all of it is rounded again.
  std::optional<llama_ftype> type = {};
  bool allow_requantize = false;
  int n_threads = 0;  ///< 0: one a physical core
  /// Told how many bytes of the output have been written, of how many. What it throws ends the
  /// work.
  std::function<void(std::uint64_t done, std::uint64_t total)> on_progress = {};
  /// The same for the tensors of the second step, where there is one.
  std::function<void(int done, int total)> on_quantized = {};
};

/// Writes `base` with `adapter` (both GGUF, llama.cpp's formats) to `output`, atomically: each
/// tensor that the adapter has a pair for becomes W + scale * alpha / r * B A, computed in f32 a
/// few rows at a time; all metadata and other tensors are copied bit by bit. Throws Error(kModel),
/// naming file and tensor: no adapter, one for another model, a tensor of the adapter without its
/// pair or place, values that are not finite or too large for their type; Error(kUsage): the output
/// is one of the inputs, the scale isn't finite, `type` for a quantised base, or a type that is
/// kept takes an importance matrix to write. Also what quantize_llm throws.
void merge_lora(const std::filesystem::path& base, const std::filesystem::path& adapter,
                const std::filesystem::path& output, const LoraMerge& options = {});

}  // namespace pandagpt
