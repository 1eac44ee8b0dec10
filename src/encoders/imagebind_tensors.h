// The tensors of an ImageBind tower: one list for the converter, the loader and the tests.
//
//   for (const ImageBindTensor& tensor : imagebind_tensors(config))
//     writer.add_f32(tensor.name, tensor.shape, checkpoint.read(tensor.source));
//
// A tensor in the file has the memory order of the one in the checkpoint. Matrices of linear layers
// are [n_in, n_out] in ggml's order; kernels of patches are flattened to such matrices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "encoders/imagebind_config.h"

namespace pandagpt {

struct ImageBindTensor {
  std::string name;                        ///< in encoders.gguf
  TensorShape shape;                       ///< in encoders.gguf, ne0 first
  std::string source;                      ///< in the reference's state dict
  std::vector<std::int64_t> source_shape;  ///< there, slowest dimension first; empty: a scalar
  bool is_matrix = false;                  ///< may be stored in 16 or 8 bits; all others are f32
};

/// All tensors of a tower, all required, in the order in which they are loaded.
std::vector<ImageBindTensor> imagebind_tensors(const TowerConfig& config);

/// Names in the reference's state dict that hold nothing learned and are not stored: the text
/// tower's causal mask.
std::vector<std::string> imagebind_unused_tensors(TowerKind tower);

/// Names of the parts of a tower; layers take ".weight" and ".bias" after them.
namespace imagebind_names {
std::string stem(TowerKind tower);             ///< .weight [patch_length, E]
std::string stem_norm(TowerKind tower);        ///< .weight, .bias [E]
std::string token_embedding(TowerKind tower);  ///< the whole name; [E, vocab_size]
std::string class_token(TowerKind tower);      ///< the whole name; [E]
std::string positions(TowerKind tower);        ///< the whole name; [E, n_tokens]
std::string pre_norm(TowerKind tower);         ///< .weight, .bias [E]
/// "attn_norm", "attn_qkv", "attn_out", "ffn_norm", "ffn_up" or "ffn_down" of a block;
/// "attn_bias_k" and "attn_bias_v" [E] are whole names.
std::string block(TowerKind tower, int index, const char* part);
std::string head_norm(TowerKind tower);    ///< .weight, .bias [E]
std::string head(TowerKind tower);         ///< .weight [E, n_embd]
std::string logit_scale(TowerKind tower);  ///< the whole name; [1], natural logarithm
}  // namespace imagebind_names

}  // namespace pandagpt
