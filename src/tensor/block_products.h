// Our kernels for block-quantised weights inside ggml's CPU backend, hence inside llama.cpp.
#pragma once

namespace pandagpt {

/// Environment variable: 0 leaves the products to ggml.
inline constexpr const char* kBlockProductsVariable = "PANDAGPT_BLOCK_PRODUCTS";

/// From now on ggml's CPU backend has block_kernels() compute the products with weights of type
/// Q4_0, Q4_1 and Q8_0, and with four tokens or more Q4_K and Q6_K, that lie in memory as in the
/// file, in all graphs of this process. To be called before anybody in the process computes a
/// graph; more than once does no harm.
///
/// ggml has no public way to add a kernel to its CPU backend. It has an internal list of what may
/// compute an operation before its own kernels do (`ggml_backend_cpu_get_extra_buffer_types`), and
/// that is extended. Internals change, so this is done with releases of ggml whose internals were
/// looked at only (kKnownVersions; a build between releases that changed them and still calls
/// itself by the last one's number is not recognised). With others, on other CPUs, and where
/// kBlockProductsVariable is 0, nothing happens.
///
/// Returns whether they are in use.
bool use_block_products();

}  // namespace pandagpt
