// A conversation in text alone with a language model, in its own chat template.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/chat_template.h"
#include "llm/llm_context.h"
#include "llm/llm_model.h"
#include "llm/token_batch.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// Not thread safe; several sessions may share one LlmModel. Of an earlier turn only what differs
/// is evaluated again.
class TextSession {
 public:
  /// `n_ctx`: positions, limited to the model's own limit. `system`: as ChatTemplate's. Throws
  /// Error(kModel) if the context can't be made, and as ChatTemplate.
  TextSession(std::shared_ptr<const LlmModel> model, int n_ctx, int n_threads,
              std::string system = {});

  /// Throws Error(kUsage) for a conversation that doesn't fit, which is then as it was before, and
  /// for beam search, which is not supported here.
  Answer ask(std::string_view question, const GenerateOptions& options, const OnText& on_text);
  /// Throws Error(kUsage) without history.
  Answer regenerate(const GenerateOptions& options, const OnText& on_text);
  void reset() { turns_.clear(); }
  const std::vector<Turn>& history() const { return turns_; }
  void set_history(std::vector<Turn> turns) { turns_ = std::move(turns); }
  void add_turn(Turn turn) { turns_.push_back(std::move(turn)); }

 private:
  class Decoder;

  void evaluate(std::span<const std::int32_t> tokens);
  void evaluate_prompt(std::string_view question, Timings& timings);
  Answer generate(const GenerateOptions& options, const OnText& on_text);

  std::shared_ptr<const LlmModel> model_;
  ChatTemplate template_;
  int n_ctx_;
  ContextPtr context_;
  TokenBatch batch_;
  std::vector<std::int32_t> cached_;  // what llama.cpp's memory holds
  std::vector<Turn> turns_;
};

}  // namespace pandagpt
