// Row kernels of the trainer: everything in a decoder layer that is not a matrix product.
//
// Letters: T tokens, C n_embd, F n_ff, D head size, V n_vocab. Activations are float32 or bfloat16
// (`Activation`), the residual stream and all sums are float32. A kernel works on a range of rows
// so that callers choose the parallelism; each is compiled for several instruction sets and the
// best one that the CPU has is chosen at start-up.
#pragma once

#include <cstdint>

namespace pandagpt::train {

/// A borrowed row of activations: bfloat16 when `is_bf16`, else float32.
struct ConstActivation {
  const void* data;
  bool is_bf16;
};
struct Activation {
  void* data;
  bool is_bf16;
};

struct Kernels {
  /// y (T, C) = x (T, C) * rstd * weight (C); rstd (T) is written for the backward pass.
  void (*rms_norm)(int64_t begin, int64_t end, int64_t c, const float* x, const float* weight,
                   float eps, Activation y, float* rstd);
  /// dx (T, C) for a frozen weight.
  void (*rms_norm_backward)(int64_t begin, int64_t end, int64_t c, ConstActivation dy,
                            const float* x, const float* weight, const float* rstd, float* dx);
  /// y (T, F) = silu(gate) * up, with gate_up (T, 2 F).
  void (*swiglu)(int64_t begin, int64_t end, int64_t f, ConstActivation gate_up, Activation y);
  /// d_gate_up (T, 2 F) from dy (T, F) and the saved gate_up.
  void (*swiglu_backward)(int64_t begin, int64_t end, int64_t f, ConstActivation gate_up,
                          ConstActivation dy, Activation d_gate_up);
  /// y = x * mask / (1 - p), elements [begin, end). The mask is a hash of (key, first + index): the
  /// backward pass computes it again instead of storing it. `first` is the number that x's first
  /// element has among all of the step's, so that it doesn't matter how a step is cut up.
  void (*dropout)(int64_t begin, int64_t end, ConstActivation x, Activation y, float p,
                  uint64_t key, uint64_t first);
  /// y += x * mask / (1 - p), with the mask of `dropout`.
  void (*dropout_add)(int64_t begin, int64_t end, ConstActivation x, Activation y, float p,
                      uint64_t key, uint64_t first);
  /// One head's rows: float32 (T, D) from activations with `stride` elements from token to token,
  /// rotated by cos/sin (positions, D / 2), pairs (2 i, 2 i + 1) as in GGUF's LLaMA layout. A null
  /// `positions` leaves the rows as they are.
  void (*load_head)(int64_t n, int64_t d, int64_t stride, ConstActivation x,
                    const int64_t* positions, const float* cos, const float* sin, float* y);
  /// The reverse for gradients: rotates back, and writes activations.
  void (*store_head)(int64_t n, int64_t d, int64_t stride, const float* x, const int64_t* positions,
                     const float* cos, const float* sin, Activation y);
  /// scores (rows, n_prefix + n) of `rows` = heads * n queries, in place: scaled, row i sees the
  /// prefix and keys 0 .. i % n, softmax; lse (rows) = log of each row's sum.
  void (*masked_softmax)(int64_t rows, int64_t n, int64_t n_prefix, float scale, float* scores,
                         float* lse);
  /// probabilities again from raw scores and lse, then d_scores in place of d_probs:
  /// ds = p * (dp - delta) * scale.
  void (*masked_softmax_backward)(int64_t rows, int64_t n, int64_t n_prefix, float scale,
                                  float* scores, const float* lse, const float* delta,
                                  float* d_probs);
  /// delta (rows) = row sums of a * b, both (rows, d).
  void (*row_dot)(int64_t rows, int64_t d, const float* a, const float* b, float* delta);
  /// One row of logits (V): adds to `loss` and `n_correct`, and writes the gradient
  /// (softmax - one_hot) * scale.
  void (*cross_entropy)(int64_t v, const float* logits, int64_t target, float scale,
                        Activation d_logits, double* loss, int64_t* n_correct);
};

/// The kernels for this CPU.
const Kernels& kernels();

}  // namespace pandagpt::train
