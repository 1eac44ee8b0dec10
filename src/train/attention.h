// Causal attention over packed sequences that may share a prefix.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace pandagpt::train {

/// A run of tokens in the packed batch whose queries see their own past and, before it, one prefix
/// run: the answers about one picture share the tokens of the picture and question.
struct Segment {
  int64_t begin = 0;
  int64_t length = 0;
  int64_t prefix_begin = 0;
  int64_t prefix_length = 0;  ///< 0: an ordinary sequence
};

/// Segments that refer to each other's tokens: a prefix and its branches, or one lone sequence.
/// Trees never see each other, so they are the unit of parallel work.
struct SegmentTree {
  int64_t begin = 0;   ///< first token
  int64_t length = 0;  ///< tokens of all segments together
  std::vector<Segment> segments;
};

/// What attention needs to know about a packed batch.
struct SequenceLayout {
  std::vector<SegmentTree> trees;
  torch::Tensor positions;  ///< (T) int64, on the CPU: position of each token in its conversation
};

/// Tables of the rotary embedding: cos and sin of position * base^(-2 i / D).
struct RotaryTable {
  torch::Tensor cos;  ///< (n_positions, D / 2) float32
  torch::Tensor sin;  ///< (n_positions, D / 2) float32

  static RotaryTable make(int64_t n_positions, int64_t head_size, double freq_base);
};

struct AttentionShape {
  int64_t n_head = 0;
  int64_t n_head_kv = 0;
  int64_t head_size = 0;
};

/// qkv (T, (n_head + 2 n_head_kv) * D), float32 or bfloat16 -> (T, n_head * D) of the same type.
/// Differentiable. `layout` and `rotary` must outlive the backward pass.
torch::Tensor attention(const torch::Tensor& qkv, const SequenceLayout& layout,
                        const RotaryTable& rotary, const AttentionShape& shape);

}  // namespace pandagpt::train
