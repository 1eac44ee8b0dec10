// The tiny language model of tests/fixtures/tiny-panda (tools/reference/make_llm_fixtures.py), and
// sessions with it.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "llm/chat_session.h"
#include "llm/llm_model.h"

namespace pandagpt::test {

constexpr float kLogitTolerance = 1e-4F;  // f32 weights and cache; only the order of sums differs

inline std::filesystem::path tiny_panda() {
  return std::filesystem::path(PANDAGPT_FIXTURES) / "tiny-panda";
}

/// What the fixtures' script computed.
inline nlohmann::json expected() {
  std::ifstream in(std::filesystem::path(PANDAGPT_FIXTURES) / "llm" / "expected.json");
  return nlohmann::json::parse(in);
}

inline std::shared_ptr<const LlmModel> tiny_model() {
  static const auto model = std::make_shared<const LlmModel>(tiny_panda() / "llm.gguf");
  return model;
}

inline PromptTemplate bpe_format() {
  PromptTemplate format;
  format.answer_prefix = " ";
  return format;
}

inline ChatSession make_session(std::shared_ptr<const LoraAdapter> adapter = nullptr,
                                int n_ctx = 512, const PromptTemplate& format = bpe_format()) {
  SessionOptions options;
  options.n_ctx = n_ctx;
  options.n_threads = 1;
  options.f32_cache = true;
  return {tiny_model(), std::move(adapter), format, options};
}

inline GenerateOptions greedy(int max_tokens = 64) {
  GenerateOptions options;
  options.greedy = true;
  options.max_tokens = max_tokens;
  return options;
}

inline float max_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  float worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
  }
  return worst;
}

}  // namespace pandagpt::test
