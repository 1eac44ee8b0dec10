#include "llm/batch_scheduler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <ranges>
#include <span>
#include <utility>

#include "pandagpt/error.h"
#include "tensor/helper_threads.h"

namespace pandagpt {
namespace {

using Clock = SchedulerSlot::Clock;

/// A shorter common beginning (what all conversations begin with) isn't worth a copy, and no reason
/// to give up what a slot holds of another conversation.
constexpr std::size_t kMinSharedPrefix = 16;

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

void check_fits(const GenerationRequest& request, int n_ctx) {
  const std::size_t needed = request.prompt.tokens.size() + 1;
  if (request.prompt.tokens.empty()) throw Error(ErrorKind::kUsage, "the prompt is empty");
  if (needed > static_cast<std::size_t>(n_ctx))
    throw Error(ErrorKind::kUsage, "the conversation with this question needs " +
                                       std::to_string(needed) + " positions and the context has " +
                                       std::to_string(n_ctx) +
                                       ": shorten it, or raise the context size");
}

}  // namespace

void BatchScheduler::Work::clear() {
  batch.clear();
  parts.clear();
  rows.clear();
}

void BatchScheduler::Work::add(SchedulerSlot::Part part, bool wants_scores) {
  if (wants_scores) rows.push_back({part.slot, static_cast<int>(batch.size()) - 1});
  parts.push_back(std::move(part));
}

BatchScheduler::BatchScheduler(std::shared_ptr<const LlmModel> model,
                               std::shared_ptr<const LoraAdapter> adapter,
                               const SchedulerOptions& options)
    : model_(std::move(model)), adapter_(std::move(adapter)), options_(options) {
  n_ctx_ = usable_context_size(*model_, options.n_ctx);
  main_.batch = TokenBatch(model_->token_embeddings(adapter_.get()));
  end_tokens_ = model_->end_tokens();
  const auto max_slots = static_cast<int>(llama_max_parallel_sequences());
  if (options.n_slots < 1 || options.n_slots > max_slots)
    throw Error(ErrorKind::kUsage,
                "the number of slots must be between 1 and " + std::to_string(max_slots));
  if (options.max_waiting < 0 || options.n_prompt_part < 1)
    throw Error(ErrorKind::kUsage, "the scheduler's limits must be positive");
  options_.n_batch = std::max(std::min(options.n_batch, n_ctx_), options.n_slots);
  context_ = make_context(*model_, adapter_.get(),
                          {.n_ctx = n_ctx_ * options.n_slots,
                           .n_batch = options_.n_batch,
                           .n_sequences = options.n_slots,
                           .unified = options.unified,
                           .n_threads = options.n_threads,
                           .f32_cache = options.f32_cache});
  for (int i = 0; i < options.n_slots; ++i)
    slots_.push_back(std::make_unique<SchedulerSlot>(i));
  publish(0);
  thread_ = std::thread([this] { run(); });
}

BatchScheduler::~BatchScheduler() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::shared_ptr<GenerationStream> BatchScheduler::submit(GenerationRequest request) {
  request.options.validate();
  if (request.n_choices < 1)
    throw Error(ErrorKind::kUsage, "the number of answers must be at least 1");
  check_fits(request, n_ctx_);
  const int n_choices = request.n_choices;
  auto stream = std::make_shared<GenerationStream>(n_choices);
  const auto shared = std::make_shared<const GenerationRequest>(std::move(request));
  const auto is_ready = std::make_shared<bool>(false);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw SchedulerFull(ErrorKind::kInternal, "the server is being stopped");
    if (static_cast<int>(waiting_.size()) + n_choices >
        options_.max_waiting + std::max(0, options_.n_slots - counters_.n_running))
      throw SchedulerFull(ErrorKind::kInternal,
                          std::to_string(waiting_.size()) + " answers are waiting already");
    ++n_requests_;
    for (int choice = 0; choice < n_choices; ++choice)
      waiting_.push_back({n_requests_, shared, choice, stream, is_ready, Clock::now()});
    counters_.n_waiting = static_cast<int>(waiting_.size());
  }
  changed_.notify_one();
  return stream;
}

std::vector<SlotState> BatchScheduler::slots() const {
  const std::lock_guard lock(mutex_);
  return states_;
}

SchedulerCounters BatchScheduler::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

// --- The scheduler's thread --------------------------------------------------------------------

void BatchScheduler::run() {
  while (wait_for_work()) {
    const Clock::time_point start = Clock::now();
    try {
      admit();
      step();
    } catch (const std::exception& error) {
      spdlog::error("the language model: {}", error.what());
      for (const auto& slot : slots_) {
        if (slot->is_idle()) continue;
        slot->run().task.stream->fail(std::current_exception());
        slot->end();
      }
    }
    publish(std::chrono::duration<double>(Clock::now() - start).count());
    for (auto& [stream, update] : ended_)
      stream->push(std::move(update));
    ended_.clear();
  }
  const auto stopped = std::make_exception_ptr(
      Error(ErrorKind::kInternal, "the server is being stopped; the answer is incomplete"));
  for (const auto& slot : slots_)
    if (!slot->is_idle()) slot->run().task.stream->fail(stopped);
  for (const SchedulerTask& task : waiting_)
    task.stream->fail(stopped);
}

bool BatchScheduler::wait_for_work() {
  std::unique_lock lock(mutex_);
  const bool busy = std::ranges::any_of(slots_, [](const auto& slot) { return !slot->is_idle(); });
  if (!busy && !stopping_ && waiting_.empty()) {
    lock.unlock();
    end_helper_threads();  // encoders may compute meanwhile
    lock.lock();
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
  }
  return !stopping_;
}

void BatchScheduler::admit() {
  while (true) {
    SchedulerTask task;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(waiting_, [this](const SchedulerTask& one) {
        if (!one.stream->cancelled()) return false;
        Answer none;
        none.finish = FinishReason::kCancelled;
        ended_.emplace_back(one.stream, GenerationUpdate{.choice = one.choice, .finished = none});
        ++own_.cancelled;
        ++own_.finished;
        return true;
      });
      const bool has_room =
          std::ranges::any_of(slots_, [](const auto& slot) { return slot->is_idle(); });
      // The other answers of a request wait until the first has evaluated the prompt.
      const auto next = std::ranges::find_if(waiting_, [](const SchedulerTask& one) {
        return one.choice == 0 || *one.prompt_is_ready;
      });
      if (!has_room || next == waiting_.end()) return;
      task = std::move(*next);
      waiting_.erase(next);
    }
    SchedulerSlot* slot = choose_slot(task.request->prompt);
    start(*slot, std::move(task));
  }
}

SchedulerSlot* BatchScheduler::choose_slot(const PromptSequence& prompt) {
  std::vector<SchedulerSlot*> idle;
  SchedulerSlot* best = nullptr;
  std::size_t best_common = kMinSharedPrefix - 1;
  for (const auto& slot : slots_) {
    if (!slot->is_idle()) continue;
    idle.push_back(slot.get());
    const std::size_t common = slot->cached().common_prefix(prompt);
    // Of a slot that mostly holds another conversation only the beginning would be kept.
    if (common <= best_common || 2 * common < slot->n_cached()) continue;
    best = slot.get();
    best_common = common;
  }
  if (best != nullptr) return best;
  // llama.cpp evaluates separate caches together only where they lie side by side. Of the half that
  // has been unused for the longest time, the one with the most busy neighbours is taken.
  std::ranges::sort(idle, {}, &SchedulerSlot::last_used);
  idle.resize((idle.size() + 1) / 2);
  return *std::ranges::max_element(
      idle, {}, [this](const SchedulerSlot* slot) { return busy_neighbours(*slot); });
}

int BatchScheduler::busy_neighbours(const SchedulerSlot& slot) const {
  const auto id = static_cast<std::size_t>(slot.sequence());
  const int before = id > 0 && !slots_[id - 1]->is_idle() ? 1 : 0;
  return before + (id + 1 < slots_.size() && !slots_[id + 1]->is_idle() ? 1 : 0);
}

void BatchScheduler::start(SchedulerSlot& slot, SchedulerTask task) {
  const PromptSequence& prompt = task.request->prompt;
  reuse_cache(slot, prompt);
  // The last position is always evaluated again: its scores are needed and not kept.
  const std::size_t common =
      std::min(slot.cached().common_prefix(prompt), prompt.tokens.size() - 1);
  llama_memory_seq_rm(llama_get_memory(context_.get()), slot.sequence(),
                      static_cast<llama_pos>(common), -1);
  own_.reused_tokens += static_cast<std::int64_t>(common);
  SchedulerSlot::Run run(std::move(task), model_->n_vocab());
  run.answer.timings.queue_ms = milliseconds(run.started - run.task.submitted);
  slot.begin(std::move(run), common, ++clock_);
}

/// Copies from another slot what it holds of the same prompt, if that is clearly more.
void BatchScheduler::reuse_cache(SchedulerSlot& slot, const PromptSequence& prompt) {
  const SchedulerSlot* source = nullptr;
  std::size_t most = slot.cached().common_prefix(prompt) + kMinSharedPrefix;
  for (const auto& other : slots_) {
    if (const std::size_t common = other->cached().common_prefix(prompt); common >= most) {
      most = common + 1;
      source = other.get();
    }
  }
  if (source == nullptr) return;
  llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_rm(memory, slot.sequence(), -1, -1);
  llama_memory_seq_cp(memory, source->sequence(), slot.sequence(), -1, -1);
  slot.copy_cache(*source);
}

void BatchScheduler::step() {
  end_cancelled();
  main_.clear();
  media_.clear();
  add_answers();
  add_prompts();
  // Scores stay until the next evaluation only.
  evaluate(main_);
  evaluate(media_);
}

void BatchScheduler::end_cancelled() {
  for (const auto& slot : slots_)
    if (!slot->is_idle() && slot->run().task.stream->cancelled())
      finish(*slot, FinishReason::kCancelled, /*ended_by_model=*/false);
}

void BatchScheduler::add_answers() {
  for (const auto& slot : slots_)
    if (slot->in_answer()) main_.add(slot->add_answer(main_.batch), /*wants_scores=*/true);
}

void BatchScheduler::add_prompts() {
  std::vector<SchedulerSlot*> prompts;  // the oldest first
  for (const auto& slot : slots_)
    if (slot->in_prompt()) prompts.push_back(slot.get());
  std::ranges::sort(prompts, {}, &SchedulerSlot::last_used);

  std::size_t room = static_cast<std::size_t>(options_.n_batch) - main_.batch.size();
  if (!main_.batch.empty()) room = std::min(room, static_cast<std::size_t>(options_.n_prompt_part));
  std::size_t media_room = room;
  for (SchedulerSlot* slot : prompts) {
    const bool is_apart = slot->next_is_media() && !main_.batch.can_mix();
    Work& work = is_apart ? media_ : main_;
    std::size_t& left = is_apart ? media_room : room;
    if (left == 0) continue;
    SchedulerSlot::Part part =
        slot->add_prompt(work.batch, static_cast<std::size_t>(model_->n_embd()), left);
    left -= part.tokens.size();
    own_.prompt_tokens += static_cast<std::int64_t>(part.tokens.size());
    const bool wants_scores = slot->completes_prompt(part);
    work.add(std::move(part), wants_scores);
  }
}

void BatchScheduler::evaluate(Work& work) {
  if (work.batch.empty()) return;
  const std::int32_t status = work.batch.decode(context_.get());
  if (status != 0) return fail(work, status);
  ++own_.steps;
  own_.busy_slots += static_cast<std::int64_t>(work.parts.size());
  for (const SchedulerSlot::Part& part : work.parts)
    part.slot->confirm(part);
  for (const Row& one : work.rows)
    take_scores(*one.slot, one.row);
}

void BatchScheduler::fail(const Work& work, std::int32_t status) {
  const Error error(ErrorKind::kInternal,
                    "the language model failed on " + std::to_string(work.batch.size()) +
                        " positions (llama_decode returned " + std::to_string(status) + ")");
  spdlog::error("{}", error.what());
  for (const SchedulerSlot::Part& part : work.parts) {
    part.slot->run().task.stream->fail(std::make_exception_ptr(error));
    part.slot->end();
    part.slot->forget();  // a part of the batch may be in llama.cpp's memory
    llama_memory_seq_rm(llama_get_memory(context_.get()), part.slot->sequence(), -1, -1);
  }
}

/// (n_vocab) of a row of the last evaluation.
std::span<const float> BatchScheduler::scores(const SchedulerSlot& slot, int row) {
  const std::span<float> all(llama_get_logits_ith(context_.get(), row),
                             static_cast<std::size_t>(model_->n_vocab()));
  if (slot.run().task.request->ignore_eos)
    for (const std::int32_t token : end_tokens_)
      all[static_cast<std::size_t>(token)] = -std::numeric_limits<float>::infinity();
  return all;
}

void BatchScheduler::take_scores(SchedulerSlot& slot, int row) {
  SchedulerSlot::Run& run = slot.run();
  Timings& timings = run.answer.timings;
  const Clock::time_point now = Clock::now();
  if (std::exchange(run.in_prompt, false)) {
    timings.prompt_ms = milliseconds(now - run.started);
    run.first_token = now;
    *run.task.prompt_is_ready = true;
  }
  timings.generate_ms = milliseconds(now - run.first_token);
  const std::int32_t token = run.sampler.sample(scores(slot, row));
  ++timings.generated_tokens;
  ++own_.generated_tokens;
  if (model_->is_end_of_generation(token))
    return finish(slot, FinishReason::kStop, /*ended_by_model=*/true);
  const std::string text = run.text.push(model_->token_to_piece(token));
  if (!text.empty()) {
    if (timings.first_text_ms == 0) timings.first_text_ms = milliseconds(now - run.task.submitted);
    run.task.stream->push({.choice = run.task.choice, .text = text});
  }
  if (run.text.stopped()) return finish(slot, FinishReason::kStop, /*ended_by_model=*/false);
  if (timings.generated_tokens >= run.task.request->options.max_tokens)
    return finish(slot, FinishReason::kLength, /*ended_by_model=*/false);
  if (slot.n_cached() + 1 >= static_cast<std::size_t>(n_ctx_))
    return finish(slot, FinishReason::kContext, /*ended_by_model=*/false);
  run.pending = token;
}

void BatchScheduler::finish(SchedulerSlot& slot, FinishReason reason, bool ended_by_model) {
  SchedulerSlot::Run& run = slot.run();
  GenerationUpdate last{.choice = run.task.choice, .text = run.text.finish(ended_by_model)};
  run.answer.text = run.text.text();
  run.answer.finish = reason;
  last.finished = std::move(run.answer);
  ++own_.finished;
  if (reason == FinishReason::kCancelled) ++own_.cancelled;
  ended_.emplace_back(run.task.stream, std::move(last));
  slot.end();
}

void BatchScheduler::publish(double seconds) {
  const std::lock_guard lock(mutex_);
  counters_.prompt_tokens += own_.prompt_tokens;
  counters_.reused_tokens += own_.reused_tokens;
  counters_.generated_tokens += own_.generated_tokens;
  counters_.steps += own_.steps;
  counters_.busy_slots += own_.busy_slots;
  counters_.finished += own_.finished;
  counters_.cancelled += own_.cancelled;
  counters_.busy_seconds += seconds;
  own_ = {};
  states_.clear();
  counters_.n_running = 0;
  counters_.n_waiting = static_cast<int>(waiting_.size());
  for (const auto& slot : slots_) {
    SlotState& state = states_.emplace_back();
    state.id = slot->sequence();
    state.n_cached = static_cast<int>(slot->n_cached());
    if (slot->is_idle()) continue;
    ++counters_.n_running;
    const SchedulerSlot::Run& run = slot->run();
    state.request = run.task.request_id;
    state.in_prompt = run.in_prompt;
    state.n_prompt = static_cast<int>(run.prompt().tokens.size());
    state.n_generated = run.answer.timings.generated_tokens;
  }
}

}  // namespace pandagpt
