// A computation that takes as many threads as are wished, and how many there are.
#pragma once

#include <ggml-cpu.h>
#include <ggml.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <thread>

namespace pandagpt::test {

/// ggml adds two vectors.
inline void compute(int n_threads) {
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> context(
      ggml_init({.mem_size = 1U << 20U, .mem_buffer = nullptr, .no_alloc = false}), &ggml_free);
  ggml_tensor* values = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 64);
  ggml_set_zero(values);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, ggml_add(context.get(), values, values));
  ggml_graph_compute_with_ctx(context.get(), graph, n_threads);
}

/// Threads of this process, those that OpenMP keeps included.
inline int thread_count() {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                                        std::filesystem::directory_iterator()));
}

/// Whether there are `wanted` threads, at last: one that has ended is counted for a moment.
inline bool has_threads(int wanted) {
  for (int i = 0; i < 5000 && thread_count() != wanted; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return thread_count() == wanted;
}

}  // namespace pandagpt::test
