// Products of weights in f32, f16 or bf16 with rows of f32 activations, whose bits don't depend on
// how many rows there are.
//
// Letters of shapes: T tokens (rows of activations), N outputs (rows of weights), K inputs.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pandagpt {

enum class DenseType { kF32, kF16, kBf16 };

/// y[t][i] = sum over k of x[t][k] w[i][k], or addend[t][i] + scale * sum, each rounded.
struct DenseProductRows {
  DenseType type;
  const std::byte* weights;  ///< the first row
  std::ptrdiff_t row_bytes;  ///< from one row to the next
  std::int64_t n_rows;       ///< N, any number
  std::int64_t n_in;         ///< K
  const float* x;            ///< (T, K) without gaps
  std::int64_t n_tokens;
  const float* addend;  ///< (N) of token 0, the next y_stride on; may be y; nullptr: none
  float scale;          ///< of the sum, with an addend
  float* y;             ///< of the first row; token t's at y + t * y_stride
  std::int64_t y_stride;
};

/// For each token and row the sum is taken in one order, which K alone decides: a token gets the
/// same bits alone and among others.
struct DenseKernels {
  const char* instruction_set;
  void (*multiply)(const DenseProductRows& product);
};

/// The kernels that this CPU can run, the best first; nullptr after the last.
const DenseKernels* const* runnable_dense_kernels();
/// The best.
const DenseKernels& dense_kernels();

}  // namespace pandagpt
