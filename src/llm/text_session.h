// A conversation in text alone with a language model, in its own chat template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/batch_scheduler.h"
#include "llm/chat_template.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// Its answers are a scheduler's. Not thread safe; several sessions may share one scheduler.
class TextSession {
 public:
  /// `system`: as ChatTemplate's. Throws as ChatTemplate.
  explicit TextSession(std::shared_ptr<BatchScheduler> scheduler, std::string system = {});

  /// As ChatSession's.
  Answer ask(std::string_view question, const GenerateOptions& options, const OnText& on_text);
  Answer regenerate(const GenerateOptions& options, const OnText& on_text);
  void reset() { turns_.clear(); }
  const std::vector<Turn>& history() const { return turns_; }
  void set_history(std::vector<Turn> turns) { turns_ = std::move(turns); }
  void add_turn(Turn turn) { turns_.push_back(std::move(turn)); }

 private:
  std::shared_ptr<BatchScheduler> scheduler_;
  ChatTemplate template_;
  std::vector<Turn> turns_;
};

}  // namespace pandagpt
