// What llama.cpp and ggml report: through their log only, and it is where progress can be seen too.
#pragma once

#include <functional>
#include <string>

namespace pandagpt {

/// Sends llama.cpp's and ggml's log lines to spdlog at debug level. Idempotent; whatever of ours
/// calls them calls it first.
void redirect_llama_log();

/// The first error that llama.cpp logged on this thread since the last clear_llama_failure(),
/// without its prefixes: "tensor 'x' ...". Empty if there was none. Clears it.
std::string cause_of_llama_failure();
void clear_llama_failure();

/// While one lives, the lines that are logged on this thread are also shown to `watch`. What it
/// throws goes through llama.cpp, so it must be derived from std::exception. Only one may live on a
/// thread.
class LlamaLogWatch {
 public:
  explicit LlamaLogWatch(std::function<void(const std::string& line)> watch);
  ~LlamaLogWatch();
  LlamaLogWatch(const LlamaLogWatch&) = delete;
  LlamaLogWatch& operator=(const LlamaLogWatch&) = delete;
};

}  // namespace pandagpt
