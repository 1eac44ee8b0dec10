// One conversation with a language model in PandaGPT's prompt protocol.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "llm/batch_scheduler.h"
#include "llm/conversation.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// A conversation about an image (or the sum of several inputs), or several of them in different
/// turns, whose answers a scheduler computes. Not thread safe; several sessions may share one
/// scheduler.
///
/// The scheduler compares the sequence that the protocol asks for with what its cache holds, and
/// evaluates the rest. So history always continues in exactly the form the model was trained on,
/// whatever tokens were sampled.
class ChatSession {
 public:
  ChatSession(std::shared_ptr<BatchScheduler> scheduler, PromptTemplate format,
              LaterInputs later_inputs = LaterInputs::kReplace);

  /// Conversation::set_image; empty removes it. The history stays; what another image is taken out
  /// of is evaluated anew.
  void set_image(std::vector<float> embeddings, std::string facts = {}) {
    conversation_.set_image(std::move(embeddings), std::move(facts));
  }
  /// Conversation::add_image.
  void add_image(std::vector<float> embeddings, int n_own = 0, std::string facts = {}) {
    conversation_.add_image(std::move(embeddings), n_own, std::move(facts));
  }

  /// Answers the next question (read_answer). Throws ContextFull if question and history don't fit;
  /// the conversation is then as it was before.
  Answer ask(std::string_view question, const GenerateOptions& options = {},
             const OnText& on_text = {});

  /// Drops the last answer and answers its question again. Throws Error(kUsage) without history.
  Answer regenerate(const GenerateOptions& options = {}, const OnText& on_text = {});

  /// What the scheduler would be asked for the next question.
  GenerationRequest request(std::string_view question, const GenerateOptions& options) const;

  /// Forgets the conversation and the image.
  void reset() { conversation_.clear(); }

  const std::vector<Turn>& history() const { return conversation_.turns(); }
  /// Replaces the history, e.g. by the one an API client sends with each request.
  void set_history(std::vector<Turn> turns) { conversation_.set_turns(std::move(turns)); }
  /// The next question, with the image that is set for it, was answered elsewhere.
  void add_turn(Turn turn) { conversation_.add_turn(std::move(turn)); }

 private:
  std::shared_ptr<BatchScheduler> scheduler_;
  Conversation conversation_;
};

}  // namespace pandagpt
