// One sequence of the scheduler's context: what it holds, and the answer that it works on.
#pragma once

#include <llama.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/beam_search.h"
#include "llm/generation_stream.h"
#include "llm/prompt_lookup.h"
#include "llm/prompt_sequence.h"
#include "llm/text_stream.h"
#include "llm/token_batch.h"
#include "llm/token_sampler.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// What BatchScheduler::submit takes.
struct GenerationRequest {
  PromptSequence prompt;
  GenerateOptions options = {};
  /// The answer ends where the first of these begins.
  std::vector<std::string> stops = {};
  /// Independent answers; the seeds of those behind the first are counted up.
  int n_choices = 1;
  /// The model's own ends are never drawn, so that only `stops` and max_tokens end an answer.
  bool ignore_eos = false;
  bool wants_scores = false;  ///< GenerationUpdate::scores of what ends an answer
};

/// One answer of a request.
struct SchedulerTask {
  std::int64_t request_id = 0;
  std::shared_ptr<const GenerationRequest> request;
  int choice = 0;
  std::shared_ptr<GenerationStream> stream;
  /// Set when the first choice has evaluated the prompt: the others then copy it.
  std::shared_ptr<bool> prompt_is_ready;
  std::chrono::steady_clock::time_point submitted;

  const GenerateOptions& options() const { return request->options; }
  bool is_search() const { return options().n_beams > 1; }
};

class SchedulerSlot {
 public:
  using Clock = std::chrono::steady_clock;

  /// The answer under way.
  struct Run {
    Run(SchedulerTask task, int n_vocab);

    SchedulerTask task;
    Answer answer = {};
    TokenSampler sampler;
    AnswerStream text;
    std::vector<llama_seq_id> sequences = {};  ///< for the beams of a search
    std::optional<BeamSearch> beams = {};      ///< of a search, behind the prompt
    std::int32_t pending = 0;                  ///< sampled, not evaluated yet; in the answer only
    bool in_prompt = true;
    std::size_t n_reserved = 0;   ///< positions that it may come to hold
    std::vector<float> scores{};  ///< of the last token, if they are wanted
    /// The scores of the last token, which stay until the next evaluation: its number, and the row.
    std::int64_t evaluation = 0;
    int row = 0;
    Clock::time_point started;
    Clock::time_point first_token;

    const PromptSequence& prompt() const { return task.request->prompt; }
  };

  /// Positions that a slot has put into a batch. `tokens` are its own when the evaluation succeeds,
  /// `guesses` behind them as far as they come true; beams have sequences of their own.
  struct Part {
    SchedulerSlot* slot;
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> guesses = {};
    std::size_t n_right = 0;  ///< of the guesses
    int first_row = 0;        ///< of those whose scores are wanted
    int n_rows = 0;
  };

  /// `guesses_always`: as PromptLookup's.
  SchedulerSlot(llama_seq_id sequence, bool guesses_always)
      : sequence_(sequence), lookup_(guesses_always) {}

  llama_seq_id sequence() const { return sequence_; }
  bool is_idle() const { return !run_; }
  bool in_prompt() const { return run_ && run_->in_prompt; }
  bool in_answer() const { return run_ && !run_->in_prompt; }
  Run& run() { return *run_; }
  const Run& run() const { return *run_; }

  const PromptSequence& cached() const { return cached_; }
  std::size_t n_cached() const { return cached_.tokens.size(); }
  /// Positions that are taken for it: its own and those of its beams.
  std::size_t n_held() const {
    return n_cached() + (run_ && run_->beams ? run_->beams->n_evaluated() : 0);
  }
  PromptLookup& lookup() { return lookup_; }
  std::int64_t last_used() const { return last_used_; }

  /// From now on the slot works on `run`, and holds the first `n_cached` positions of its prompt.
  void begin(Run run, std::size_t n_cached, std::int64_t time);
  void end() { run_.reset(); }
  /// The slot holds the first `count` positions of another one; the caller marks them.
  void take_prefix(const SchedulerSlot& other, std::size_t count);
  /// The cache is lost.
  void forget() { cached_ = {}; }

  /// The next token of the answer, and `guesses` of those behind it.
  Part add_answer(TokenBatch& batch, std::vector<std::int32_t> guesses);
  /// The next token of each beam.
  Part add_beams(TokenBatch& batch, llama_memory_t memory);
  /// What comes next of the prompt, at most `limit` positions; if the batch can't mix them, of one
  /// kind (next_is_media). The scores of the prompt's last one are wanted.
  Part add_prompt(TokenBatch& batch, std::size_t n_embd, std::size_t limit);
  bool next_is_media() const;
  void confirm(const Part& part);
  /// A guess has come true.
  void confirm(std::int32_t guess) { cached_.tokens.push_back(guess); }

 private:
  llama_seq_id sequence_;
  PromptSequence cached_;
  std::optional<Run> run_;
  std::int64_t last_used_ = 0;
  PromptLookup lookup_;
};

}  // namespace pandagpt
