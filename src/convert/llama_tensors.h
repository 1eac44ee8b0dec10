// The tensors of a LLaMA: transformers' names and llama.cpp's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convert/llama_config.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

struct LlamaTensor {
  std::string source;               ///< transformers' name: "model.norm.weight"
  std::string name;                 ///< llama.cpp's: "output_norm.weight"
  std::vector<std::int64_t> shape;  ///< transformers' order: rows first
  bool is_rotated = false;  ///< queries and keys: rows stand in another order (rope_source_row)
};

/// general.architecture and the llama.* keys, as llama.cpp's own converter writes them.
void set_llama_metadata(GgufWriter* writer, const LlamaConfig& config);

/// All tensors of the model, in llama.cpp's usual order.
std::vector<LlamaTensor> llama_tensors(const LlamaConfig& config);

/// Whether a checkpoint may have a tensor of this name beside those: constants that transformers
/// before 4.32 saved, and the output matrix that is the embeddings.
bool is_unused_llama_tensor(const std::string& name, const LlamaConfig& config);

/// Which row of transformers' query or key matrix is `row` of llama.cpp's. transformers turns the
/// values i and i + head_dim / 2 of a head together, llama.cpp the neighbours 2i and 2i + 1.
constexpr std::int64_t rope_source_row(std::int64_t row, std::int64_t head_dim) {
  const std::int64_t in_head = row % head_dim;
  return row - in_head + in_head % 2 * (head_dim / 2) + in_head / 2;
}

}  // namespace pandagpt
