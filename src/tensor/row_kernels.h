// Everything in a transformer that is not a product with weights: norms, activations, quantisation
// and attention, as loops over the rows of activations.
//
// Each function is compiled for several instruction sets, and the best that the CPU has is chosen
// at start-up. Letters of shapes: T tokens, C channels of a token, H heads, D channels of a head.
#pragma once

#include <cstdint>

namespace pandagpt {

/// What follows a linear layer's sum.
enum class LinearActivation {
  kNone,
  kRelu6,  ///< clamped to [0, 6]
  kGelu,   ///< x / 2 (1 + erf(x / sqrt 2)), torch.nn.GELU's default
};

/// How rows of activations lie in memory: (rows, n) numbers, or for kInt8 (rows, n) bytes, and
/// after them at quantization_offset a RowQuantization for each row. (oneDNN's kernels want no
/// gaps.)
enum class RowFormat { kF32, kBf16, kInt8 };

/// Channels of one row that are kept in f32 when the others are quantised (Dettmers et al.,
/// "LLM.int8()", arXiv:2208.07339): a single channel that is 100 times the others would leave them
/// one or two of the 255 levels.
inline constexpr int kMaxOutliers = 8;

/// x[i] is scale * (q[i] - zero), and outliers[].value at outliers[].channel, where q is `zero`.
struct RowQuantization {
  float scale;
  std::int32_t zero;
  std::int32_t n_outliers;
  struct Outlier {
    std::int32_t channel;
    float value;
  } outliers[kMaxOutliers];
};

constexpr std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}
/// Bytes of a channel.
constexpr std::int64_t element_bytes(RowFormat format) {
  return format == RowFormat::kF32 ? 4 : format == RowFormat::kBf16 ? 2 : 1;
}
/// Where the RowQuantization of the first row begins, in bytes.
constexpr std::int64_t quantization_offset(std::int64_t rows, std::int64_t n) {
  return round_up(rows * n, 64);
}
/// Bytes of rows of n channels.
constexpr std::int64_t rows_bytes(RowFormat format, std::int64_t rows, std::int64_t n) {
  if (format != RowFormat::kInt8) return rows * n * element_bytes(format);
  return quantization_offset(rows, n) + rows * static_cast<std::int64_t>(sizeof(RowQuantization));
}

/// Columns that lie side by side in packed weights (packed_matrix.h).
inline constexpr std::int64_t kPanelColumns = 64;

/// The int32 sums of a block of an int8 product, and what makes outputs of them:
/// y = activation(scale_row * scale_column * (sum - zero_row * column_sum) + outliers + bias)
///     + residual.
/// Pointers stand at the block's first column; those over columns are padded to kPanelColumns.
struct Int8Block {
  std::int64_t rows;
  std::int64_t columns;
  const std::int32_t* sums;          ///< (rows, columns)
  const RowQuantization* quantized;  ///< (rows)
  const std::int8_t* panels;  ///< (panels, n_in / 4, 64, 4), `panel_bytes` from one to the next
  std::int64_t panel_bytes;
  const float* column_scales;
  const std::int32_t* column_sums;
  const float* bias;
  LinearActivation activation;
  const float* residual;  ///< (rows, y_stride) or nullptr
  void* y;                ///< (rows, y_stride)
  bool y_is_bf16;
  std::int64_t y_stride;  ///< elements
};

/// The same for a block of finished f32 sums: y = x + residual.
struct FloatBlock {
  std::int64_t rows;
  std::int64_t columns;
  const float* x;         ///< (rows, columns)
  const float* residual;  ///< (rows, y_stride) or nullptr
  void* y;                ///< (rows, y_stride)
  bool y_is_bf16;
  std::int64_t y_stride;  ///< elements
};

/// Some queries of one head of one sequence. q, k, v are f32 or bf16 (`is_bf16`), token t of each
/// at t * stride elements.
struct AttentionHead {
  const void* q;
  const void* k;
  const void* v;
  std::int64_t stride;
  bool is_bf16;
  std::int64_t n_tokens;
  std::int64_t head_size;
  const float* bias_k;  ///< (D): a learned key and value that every query sees; or nullptr
  const float* bias_v;  ///< (D)
  float scale;          ///< of the scores
  bool causal;          ///< query t sees keys 0 .. t
  void* y;              ///< (T, y_stride), as q
  std::int64_t y_stride;
  void* scratch;  ///< attention_scratch_bytes, aligned to 64 bytes
};

/// How a row of weights was rounded: a weight is scale * q.
struct WeightRounding {
  float scale;
  std::int32_t sum;  ///< of q
  double error;      ///< sum of the squared differences over the sum of squares
};

struct RowKernels {
  const char* instruction_set;
  void (*to_bf16)(std::int64_t n, const float* x, std::uint16_t* y);
  void (*from_bf16)(std::int64_t n, const std::uint16_t* x, float* y);
  /// y = (x - mean) / sqrt(variance + eps) * weight + bias, over the n channels of one row.
  void (*layer_norm)(std::int64_t n, const float* x, const float* weight, const float* bias,
                     float eps, float* y);
  void (*quantize)(std::int64_t n, const float* x, std::uint8_t* q, RowQuantization* row);
  /// Rounds weights to -127 .. 127.
  WeightRounding (*quantize_weights)(std::int64_t n, const float* x, std::int8_t* q);
  void (*finish_int8)(const Int8Block& block);
  void (*finish_float)(const FloatBlock& block);
  std::int64_t (*attention_scratch_bytes)(std::int64_t n_tokens, std::int64_t head_size);
  /// Brings a head's keys and values into `scratch`, for the calls of attend_queries after it.
  void (*pack_head)(const AttentionHead& head);
  /// y of the queries [begin, end); end - begin is at most kQueryBlock.
  void (*attend_queries)(const AttentionHead& head, std::int64_t begin, std::int64_t end);
};

/// Queries that are worked on together: their scores stay in the second-level cache.
inline constexpr std::int64_t kQueryBlock = 24;

/// The kernels that this CPU can run, the best first; nullptr after the last.
const RowKernels* const* runnable_row_kernels();
/// The best.
const RowKernels& row_kernels();

}  // namespace pandagpt
