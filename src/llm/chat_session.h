// One conversation with a language model: prompt protocol, cache of evaluated positions, sampling.
#pragma once

#include <llama.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/batch_equality.h"
#include "llm/conversation.h"
#include "llm/llm_context.h"
#include "llm/llm_model.h"
#include "llm/prompt.h"
#include "llm/prompt_lookup.h"
#include "llm/token_batch.h"
#include "pandagpt/generation.h"
#include "pandagpt/later_inputs.h"

namespace pandagpt {

struct SessionOptions {
  int n_ctx = 2048;   ///< positions that fit (text and image); limited to the model's own limit
  int n_batch = 512;  ///< positions evaluated in one go
  int n_threads = 0;  ///< 0: default_thread_count()
  bool f32_cache = false;     ///< keys and values in f32 instead of f16: for numeric comparisons
  bool guess_always = false;  ///< prompt look-up also where it is slower: for comparisons
  LaterInputs later_inputs = LaterInputs::kReplace;
};

/// Counters of evaluated positions, the proof that a later turn evaluates only what is new.
struct SessionCounters {
  std::int64_t evaluated_in_turn = 0;  ///< since the last ask/regenerate/prefill began
  std::int64_t evaluated_total = 0;    ///< since the session was opened
  std::int64_t reused_in_turn = 0;     ///< taken from the cache in that call
};

/// A conversation about an image (or the sum of several inputs), or several of them in different
/// turns. Not thread safe; several sessions may share one LlmModel.
///
/// The session compares the token sequence that the protocol asks for with what its cache holds,
/// keeps the common beginning and evaluates the rest. So history always continues in exactly the
/// form the model was trained on, whatever tokens were sampled.
class ChatSession {
 public:
  /// `adapter` may be null. Throws Error(kModel) if the context can't be made.
  ChatSession(std::shared_ptr<const LlmModel> model, std::shared_ptr<const LoraAdapter> adapter,
              PromptTemplate format, const SessionOptions& options = {});

  /// Conversation::set_image; empty removes it. The history stays; what another image is taken out
  /// of is evaluated anew.
  void set_image(std::vector<float> embeddings);
  /// Conversation::add_image.
  void add_image(std::vector<float> embeddings, int n_own = 0);

  /// Answers the next question. Throws Error(kUsage) if question and history don't fit n_ctx; the
  /// conversation is then as it was before.
  Answer ask(std::string_view question, const GenerateOptions& options = {},
             const OnText& on_text = {});

  /// Drops the last answer and answers its question again. Throws Error(kUsage) without history.
  Answer regenerate(const GenerateOptions& options = {}, const OnText& on_text = {});

  /// Evaluates the conversation and `question` up to where the answer starts; nothing is added to
  /// the history. last_logits() then holds the scores of the answer's first token.
  void prefill(std::string_view question);

  /// Scores of the next token after the last evaluated position: (n_vocab). Empty before any.
  std::vector<float> last_logits() const;

  /// Forgets the conversation and the image. Evaluated positions that the next conversation also
  /// starts with are reused.
  void reset();

  const std::vector<Turn>& history() const { return conversation_.turns(); }
  /// Replaces the history, e.g. by the one an API client sends with each request.
  void set_history(std::vector<Turn> turns) { conversation_.set_turns(std::move(turns)); }
  /// The next question, with the image that is set for it, was answered elsewhere.
  void add_turn(Turn turn) { conversation_.add_turn(std::move(turn)); }

  /// The sequence in the cache: token ids, and negative numbers for embeddings (Conversation).
  std::span<const std::int32_t> cached_tokens() const { return cached_; }

  int n_ctx() const { return n_ctx_; }
  const SessionCounters& counters() const { return counters_; }

 private:
  enum class Logits { kNone, kLast, kAll };
  class Decoder;

  void evaluate_prompt(std::string_view question);
  void keep_cached(std::size_t count);
  void evaluate(std::span<const std::int32_t> tokens);
  void evaluate_run(std::span<const std::int32_t> tokens, Logits logits);
  std::span<const float> evaluate_aside(std::size_t n_last);
  std::span<const float> logits(int row) const;
  Answer generate(const GenerateOptions& options, const OnText& on_text);
  Answer search(const GenerateOptions& options, const OnText& on_text);

  std::shared_ptr<const LlmModel> model_;
  std::shared_ptr<const LoraAdapter> adapter_;
  Conversation conversation_;
  int n_ctx_ = 0;
  int n_batch_ = 0;
  ContextPtr context_;
  TokenBatch batch_;

  std::vector<std::int32_t> cached_;
  PromptLookup lookup_;
  BatchEquality batch_equality_;
  SessionCounters counters_;
  bool has_logits_ = false;
};

}  // namespace pandagpt
