#include "llm/llama_log.h"

#include <llama.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <string_view>
#include <utility>

namespace pandagpt {
namespace {

thread_local std::string last_error;
thread_local std::function<void(const std::string&)> watcher;

void forward(ggml_log_level level, const char* text, void* /*user_data*/) {
  static thread_local std::string part;
  part += text;
  if (part.empty() || part.back() != '\n') return;
  const std::string line = part.substr(0, part.find_last_not_of('\n') + 1);
  part.clear();  // before anything is thrown
  if (level == GGML_LOG_LEVEL_ERROR && last_error.empty()) last_error = line;
  if (!line.empty()) spdlog::debug("llama.cpp: {}", line);
  if (watcher) watcher(line);
}

}  // namespace

void redirect_llama_log() {
  static std::once_flag once;
  std::call_once(once, [] { llama_log_set(forward, nullptr); });
}

void clear_llama_failure() {
  last_error.clear();
}

// "llama_model_load: error loading model: tensor 'x' ..." -> "tensor 'x' ..."
std::string cause_of_llama_failure() {
  std::string cause = std::exchange(last_error, {});
  for (const char* noise : {"error loading model: ", "error loading model hyperparameters: ",
                            "error loading model vocabulary: ", "failed to quantize: ", ": "}) {
    if (const std::size_t at = cause.find(noise); at != std::string::npos)
      cause.erase(0, at + std::string_view(noise).size());
  }
  return cause;
}

LlamaLogWatch::LlamaLogWatch(std::function<void(const std::string&)> watch) {
  watcher = std::move(watch);
}

LlamaLogWatch::~LlamaLogWatch() {
  watcher = nullptr;
}

}  // namespace pandagpt
