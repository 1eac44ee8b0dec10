// Many conversations at once with one language model: continuous batching.
//
//   BatchScheduler scheduler(model, adapter, {.n_slots = 8});
//   auto stream = scheduler.submit({.prompt = conversation.sequence(question)});
//   while (!stream->done())
//     if (const auto update = stream->next(100ms)) std::cout << update->text;
//
// One thread owns llama.cpp's context. In each step it evaluates the next token of every running
// answer together with a part of the prompts that are waiting, so that a long prompt slows the
// answers of others down by a bounded amount only. A slot is one sequence of the context; what it
// has evaluated stays after the answer, and a prompt that begins alike goes on from there.
//
// An answer is drawn token by token, with guesses evaluated along where they pay (prompt_lookup.h),
// or searched for with beams (beam_search.h).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "llm/batch_equality.h"
#include "llm/generation_stream.h"
#include "llm/llm_context.h"
#include "llm/llm_model.h"
#include "llm/prompt_sequence.h"
#include "llm/scheduler_slot.h"
#include "llm/token_batch.h"
#include "pandagpt/error.h"
#include "pandagpt/generation.h"

namespace pandagpt {

struct SchedulerOptions {
  int n_slots = 8;          ///< answers computed at once
  int n_ctx = 2048;         ///< positions of one conversation; limited to the model's own limit
  int n_batch = 512;        ///< positions evaluated in one go
  int n_prompt_part = 128;  ///< of them, positions of prompts while answers are running
  int n_threads = 0;        ///< 0: default_thread_count()
  int max_waiting = 64;     ///< answers that wait for a slot at most
  /// One cache for all slots, which beams and prompt look-up need. Where several answers run at
  /// once, a conversation's positions may come to lie in it in another order; sums then have other
  /// last digits, so an answer may depend on what runs beside it. Without it each slot has its own.
  bool unified = false;
  /// Of one cache: positions that all slots hold together; 0: n_ctx for each of them. At least
  /// n_ctx. Answers that might not fit beside those that run wait for them.
  int n_cells = 0;
  bool f32_cache = false;     ///< ContextOptions::f32_cache
  bool guess_always = false;  ///< prompt look-up also where it is slower: for comparisons
};

/// A conversation that doesn't fit the context.
class ContextFull : public Error {
 public:
  ContextFull(std::size_t n_positions, int n_ctx);

  std::size_t n_positions() const { return n_positions_; }  ///< that are needed
  int n_ctx() const { return n_ctx_; }

 private:
  std::size_t n_positions_;
  int n_ctx_;
};

/// More is asked for than max_waiting allows, or the scheduler is being stopped. Nothing was begun.
class SchedulerFull : public Error {
 public:
  using Error::Error;
};

struct SlotState {
  int id = 0;
  std::int64_t request = 0;  ///< number of the request that it works on, 0: none
  bool in_prompt = false;
  int n_cached = 0;     ///< positions that it holds
  int n_prompt = 0;     ///< positions of the request's prompt
  int n_generated = 0;  ///< tokens of its answer so far
};

/// Since the start.
struct SchedulerCounters {
  std::int64_t prompt_tokens = 0;
  std::int64_t reused_tokens = 0;
  std::int64_t generated_tokens = 0;
  std::int64_t steps = 0;       ///< evaluations
  std::int64_t busy_slots = 0;  ///< summed over the steps
  std::int64_t finished = 0;    ///< answers, cancelled ones included
  std::int64_t cancelled = 0;
  double busy_seconds = 0;
  int n_running = 0;  ///< answers, now
  int n_waiting = 0;
};

/// Every method may be called by any thread.
class BatchScheduler {
 public:
  /// `adapter` may be null. Throws Error(kModel), Error(kUsage) as make_context.
  BatchScheduler(std::shared_ptr<const LlmModel> model, std::shared_ptr<const LoraAdapter> adapter,
                 const SchedulerOptions& options = {});
  /// Answers that are running are cancelled.
  ~BatchScheduler();
  BatchScheduler(const BatchScheduler&) = delete;
  BatchScheduler& operator=(const BatchScheduler&) = delete;

  /// Throws SchedulerFull; ContextFull for a prompt that leaves no place for an answer;
  /// Error(kUsage) for options out of range, and for a search without `unified` or with several
  /// answers.
  std::shared_ptr<GenerationStream> submit(GenerationRequest request);

  const std::shared_ptr<const LlmModel>& model() const { return model_; }
  int n_ctx() const { return n_ctx_; }  ///< positions of one conversation
  std::vector<SlotState> slots() const;
  SchedulerCounters counters() const;

 private:
  /// A batch, whose positions are whose.
  struct Work {
    TokenBatch batch;
    std::vector<SchedulerSlot::Part> parts;
  };

  // batch_scheduler.cpp
  void run();
  bool wait_for_work();
  void step();
  void admit();
  bool has_room_for(const SchedulerTask& task) const;
  std::size_t positions_of(const SchedulerTask& task) const;
  SchedulerSlot* choose_slot(const PromptSequence& prompt);
  int busy_neighbours(const SchedulerSlot& slot) const;
  void start(SchedulerSlot& slot, SchedulerTask task);
  void share_prefix(SchedulerSlot& slot, const PromptSequence& prompt);
  std::size_t n_held() const;
  void make_room(std::size_t n_positions);
  void forget(SchedulerSlot& slot);
  void end_cancelled();
  void add_answers();
  void add_prompts();
  void evaluate(Work& work);
  std::int32_t decode(TokenBatch& batch);
  void fail(const Work& work, std::int32_t status);
  void publish(double seconds);

  // scheduler_answers.cpp: what becomes of scores
  std::span<const float> scores(const SchedulerSlot& slot, int row);
  void take_scores(SchedulerSlot::Part& part);
  void begin_answer(SchedulerSlot& slot, int row);
  bool take_token(SchedulerSlot& slot, int row);
  void take_guesses(SchedulerSlot::Part& part);
  void take_beams(const SchedulerSlot::Part& part);
  void finish_search(SchedulerSlot& slot);
  void finish(SchedulerSlot& slot, FinishReason reason, bool ended_by_model);
  void end(SchedulerSlot& slot);
  std::vector<std::int32_t> guesses_of(SchedulerSlot& slot);
  bool rows_are_equal(SchedulerSlot& slot, std::size_t n_rows);
  std::vector<float> evaluate_aside(const SchedulerSlot& slot, std::size_t n_last);
  void record_guesses(const Work& work, double ms);

  std::shared_ptr<const LlmModel> model_;
  std::shared_ptr<const LoraAdapter> adapter_;
  SchedulerOptions options_;
  int n_ctx_ = 0;
  std::size_t n_cells_ = 0;
  std::vector<std::int32_t> end_tokens_;  // of the model
  ContextPtr context_;

  // Of the scheduler's thread.
  std::vector<std::unique_ptr<SchedulerSlot>> slots_;
  std::vector<llama_seq_id> free_sequences_;  // behind those of the slots: for beams and trials
  BatchEquality batch_equality_;
  std::int64_t n_evaluations_ = 0;
  Work main_;
  Work media_;  // where one batch can't take tokens and embeddings
  /// Ends of answers: told when the counters and slots show them as ended.
  std::vector<std::pair<std::shared_ptr<GenerationStream>, GenerationUpdate>> ended_;
  std::int64_t clock_ = 0;  // counts starts, for the least recently used slot
  SchedulerCounters own_;   // what the next publish() adds

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<SchedulerTask> waiting_;
  std::int64_t n_requests_ = 0;
  bool stopping_ = false;
  SchedulerCounters counters_;
  std::vector<SlotState> states_;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace pandagpt
