// The tiny language model of tests/fixtures/tiny-panda (tools/reference/make_llm_fixtures.py), and
// sessions with it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "llm/answer_reader.h"
#include "llm/batch_scheduler.h"
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

struct SessionOptions {
  int n_ctx = 512;
  int n_batch = 512;
  bool f32_cache = true;
  bool guess_always = false;
  LaterInputs later_inputs = LaterInputs::kReplace;
};

inline std::shared_ptr<BatchScheduler> one_slot(std::shared_ptr<const LlmModel> model,
                                                std::shared_ptr<const LoraAdapter> adapter = {},
                                                const SessionOptions& options = {}) {
  SchedulerOptions scheduling;
  scheduling.n_slots = 1;
  scheduling.unified = true;
  scheduling.n_ctx = options.n_ctx;
  scheduling.n_batch = options.n_batch;
  scheduling.n_threads = 1;
  scheduling.f32_cache = options.f32_cache;
  scheduling.guess_always = options.guess_always;
  return std::make_shared<BatchScheduler>(std::move(model), std::move(adapter), scheduling);
}

/// A conversation with a scheduler of its own, whose scores can be looked at.
class Session : public ChatSession {
 public:
  Session(const std::shared_ptr<BatchScheduler>& scheduler, const PromptTemplate& format,
          LaterInputs later_inputs)
      : ChatSession(scheduler, format, later_inputs), scheduler_(scheduler) {}
  Session(std::shared_ptr<const LlmModel> model, std::shared_ptr<const LoraAdapter> adapter,
          const PromptTemplate& format, const SessionOptions& options = {})
      : Session(one_slot(std::move(model), std::move(adapter), options), format,
                options.later_inputs) {}

  BatchScheduler& scheduler() const { return *scheduler_; }

  /// Evaluates the conversation and `question`, and the first `n_tokens` - 1 tokens of the
  /// likeliest answer; the history stays.
  void prefill(const std::string& question, int n_tokens = 1) {
    GenerateOptions options;
    options.greedy = true;
    options.n_draft = 0;
    options.max_tokens = n_tokens;
    GenerationRequest wanted = request(question, options);
    wanted.wants_scores = true;
    prompt_ = wanted.prompt.tokens;
    const auto stream = scheduler_->submit(std::move(wanted));
    while (!stream->done())
      if (auto update = stream->next(std::chrono::seconds(20)); update && update->finished) {
        scores_ = std::move(update->scores);
        timings_ = update->finished->timings;
      }
  }
  /// Of the last prefill(): the (n_vocab) scores that its last token was drawn by; the sequence up
  /// to the answer; what was evaluated of it, and taken from the cache.
  const std::vector<float>& last_logits() const { return scores_; }
  const std::vector<std::int32_t>& prompt() const { return prompt_; }
  std::size_t n_evaluated() const { return static_cast<std::size_t>(timings_.prompt_tokens); }
  std::size_t n_reused() const { return static_cast<std::size_t>(timings_.reused_tokens); }
  /// Positions in the cache.
  std::size_t n_cached() const {
    return static_cast<std::size_t>(scheduler_->slots().front().n_cached);
  }

 private:
  std::shared_ptr<BatchScheduler> scheduler_;
  std::vector<float> scores_;
  std::vector<std::int32_t> prompt_;
  Timings timings_;
};

inline Session make_session(std::shared_ptr<const LoraAdapter> adapter = nullptr, int n_ctx = 512,
                            const PromptTemplate& format = bpe_format()) {
  return {tiny_model(), std::move(adapter), format, SessionOptions{.n_ctx = n_ctx}};
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
