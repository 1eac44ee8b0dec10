// Products inside a parallel loop: each on the one thread that calls it.
#pragma once

#include <dnnl.h>
#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pandagpt::train {

/// Row-major C (m, n) = A (m, k) B (k, n) + beta C. 'T': the factor is stored the other way round.
inline void gemm(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, const float* a,
                 int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const dnnl_status_t status =
      dnnl_sgemm(trans_a, trans_b, m, n, k, 1.0F, a, lda, b, ldb, beta, c, ldc);
  TORCH_CHECK(status == dnnl_success, "oneDNN sgemm failed with status ", static_cast<int>(status));
}

/// Scratch of one thread, reused from task to task.
class Scratch {
 public:
  float* get(std::size_t slot, int64_t n) {
    if (slot >= buffers_.size()) buffers_.resize(slot + 1);
    if (static_cast<int64_t>(buffers_[slot].size()) < n)
      buffers_[slot].resize(static_cast<std::size_t>(n));
    return buffers_[slot].data();
  }

 private:
  std::vector<std::vector<float>> buffers_;
};

}  // namespace pandagpt::train
