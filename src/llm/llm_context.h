// llama.cpp's context: the cache of evaluated positions and the memory to compute in.
#pragma once

#include <llama.h>

#include <memory>

#include "llm/llm_model.h"

namespace pandagpt {

struct ContextOptions {
  // Both are raised to n_sequences where they are less.
  int n_ctx = 2048;     ///< positions, of all sequences together
  int n_batch = 512;    ///< positions evaluated in one go
  int n_sequences = 1;  ///< sequence ids 0 .. n_sequences - 1
  /// All sequences share the positions, and a common beginning is kept once. Without it, each has
  /// n_ctx / n_sequences of its own and doesn't look at those of the others.
  bool unified = true;
  int n_threads = 0;       ///< 0: default_thread_count()
  bool f32_cache = false;  ///< keys and values in f32 instead of f16: for numeric comparisons
};

struct ContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};
using ContextPtr = std::unique_ptr<llama_context, ContextDeleter>;

/// `wanted` positions of one sequence, limited to those the model was trained for (with a warning).
/// Throws Error(kUsage) if they are less than one, Error(kModel) if the model can't continue a
/// text.
int usable_context_size(const LlmModel& model, int wanted);

/// `adapter` may be null; both must outlive the context. Throws Error(kModel) if there isn't enough
/// memory or the adapter doesn't fit, Error(kUsage) for a size below 1.
ContextPtr make_context(const LlmModel& model, const LoraAdapter* adapter,
                        const ContextOptions& options);

}  // namespace pandagpt
