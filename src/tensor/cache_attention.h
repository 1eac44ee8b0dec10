// The operation of cache_attention_kernels.h in ggml's CPU backend.
#pragma once

#include "tensor/cpu_operation.h"

namespace pandagpt {

/// FLASH_ATTN_EXT over a cache in f32, f16 or bf16, without ALiBi, soft caps and sinks, which are
/// left to ggml. ggml's own rounds one query in other ways alone, among 64 or more, behind 512
/// positions, and with another number of threads.
class CacheAttentionOperation final : public Operation {
 public:
  static bool computes(const ggml_tensor* node);

  bool work_size(int n_threads, const ggml_tensor* node, std::size_t& size) override;
  bool compute_forward(ComputeParams* params, ggml_tensor* node) override;
};

}  // namespace pandagpt
