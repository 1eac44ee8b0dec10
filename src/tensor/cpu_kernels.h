// Our kernels inside ggml's CPU backend, hence inside llama.cpp.
#pragma once

namespace pandagpt {

/// Environment variables: 0 leaves all operations to ggml, or the products of block-quantised
/// weights.
inline constexpr const char* kCpuKernelsVariable = "PANDAGPT_CPU_KERNELS";
inline constexpr const char* kBlockProductsVariable = "PANDAGPT_BLOCK_PRODUCTS";

struct CpuKernels {
  bool dense_products = false;  ///< of weights in f32, f16, bf16, with those of a LoRA
  bool block_products = false;
};

/// If ProcessChanges::ggml_kernels is allowed (else it does nothing), ggml's CPU backend has these
/// computed by kernels of ours from now on, in all graphs of this process:
/// - products with f32, f16 and bf16 weights (dense_kernels()), and a LoRA's (lora_sum.h);
/// - where the CPU has AVX-512 with VNNI, products with weights of type Q4_0, Q4_1 and Q8_0, and
/// with
///   four tokens or more Q4_K and Q6_K (block_kernels()).
/// The weights must lie in memory as in the file. To be called before anybody in the process
/// computes a graph; more than once does no harm.
///
/// ggml has no public way to add a kernel to its CPU backend. It has an internal list of what may
/// compute an operation before its own kernels do (`ggml_backend_cpu_get_extra_buffer_types`), and
/// that is extended. Internals change, so this is done with releases of ggml whose internals were
/// looked at only (kKnownVersions; a build between releases that changed them and still calls
/// itself by the last one's number is not recognised). With others nothing happens but a line in
/// the log.
///
/// Returns what is in use.
CpuKernels use_cpu_kernels();

}  // namespace pandagpt
