#include "llm/batch_scheduler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <ranges>
#include <utility>

#include "core/stopwatch.h"
#include "tensor/helper_threads.h"

namespace pandagpt {
namespace {

/// A slot isn't given up for a shorter common beginning (what all conversations begin with): it is
/// shared without.
constexpr std::size_t kMinSharedPrefix = 16;

/// Sequences beside those of the slots, for beams and trials: enough for one search of each slot,
/// up to a number. llama.cpp makes room for scores of every sequence, and clears it at first use.
constexpr int kMostFreeSequences = 6 * GenerateOptions::kMaxBeams;
constexpr int kLeastFreeSequences = BeamSearch::n_sequences(GenerateOptions::kMaxBeams);

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string context_full_message(std::size_t n_positions, int n_ctx) {
  // OpenAI's clients know an overflow by the words of other servers.
  return "the prompt is too long: the conversation with this question needs " +
         std::to_string(n_positions) +
         " positions, which exceeds the available context size (n_ctx) of " +
         std::to_string(n_ctx) +
         ": start a new conversation, ask a shorter question, or raise the context size; nothing "
         "was lost";
}

}  // namespace

ContextFull::ContextFull(std::size_t n_positions, int n_ctx)
    : Error(ErrorKind::kUsage, context_full_message(n_positions, n_ctx)),
      n_positions_(n_positions),
      n_ctx_(n_ctx) {}

BatchScheduler::BatchScheduler(std::shared_ptr<const LlmModel> model,
                               std::shared_ptr<const LoraAdapter> adapter,
                               const SchedulerOptions& options)
    : model_(std::move(model)), adapter_(std::move(adapter)), options_(options) {
  n_ctx_ = usable_context_size(*model_, options.n_ctx);
  main_.batch = TokenBatch(model_->token_embeddings(adapter_.get()));
  end_tokens_ = model_->end_tokens();
  const auto max_sequences = static_cast<int>(llama_max_parallel_sequences());
  const int max_slots = max_sequences - kLeastFreeSequences;
  if (options.n_slots < 1 || options.n_slots > max_slots)
    throw Error(ErrorKind::kUsage,
                "the number of slots must be between 1 and " + std::to_string(max_slots));
  if (options.max_waiting < 0 || options.n_prompt_part < 1 || options.n_cells < 0)
    throw Error(ErrorKind::kUsage, "the scheduler's limits must be positive");
  const int n_sequences = options.unified
                              ? std::min({options.n_slots * (1 + kLeastFreeSequences),
                                          options.n_slots + kMostFreeSequences, max_sequences})
                              : options.n_slots;
  const int n_cells = options.unified && options.n_cells > 0 ? std::max(options.n_cells, n_ctx_)
                                                             : n_ctx_ * options.n_slots;
  n_cells_ = static_cast<std::size_t>(n_cells);
  options_.n_batch = std::max(std::min(options.n_batch, n_ctx_), options.n_slots);
  context_ = make_context(*model_, adapter_.get(),
                          {.n_ctx = n_cells,
                           .n_batch = options_.n_batch,
                           .n_sequences = n_sequences,
                           .unified = options.unified,
                           .n_threads = options.n_threads,
                           .f32_cache = options.f32_cache});
  for (int i = 0; i < options.n_slots; ++i)
    slots_.push_back(std::make_unique<SchedulerSlot>(i, options.guess_always));
  for (int i = options.n_slots; i < n_sequences; ++i)
    free_sequences_.push_back(i);
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
  if (request.n_choices > 1 && request.options.n_beams > 1)
    throw Error(ErrorKind::kUsage, "a beam search gives one answer; ask for 1");
  if (request.options.n_beams > 1 && !options_.unified)
    throw Error(
        ErrorKind::kUsage,
        "beam search needs one cache for all answers: start the server with --unified-cache, or "
        "open the model with n_parallel 1");
  if (request.prompt.tokens.empty()) throw Error(ErrorKind::kUsage, "the prompt is empty");
  if (const std::size_t needed = request.prompt.tokens.size() + 1;
      needed > static_cast<std::size_t>(n_ctx_))
    throw ContextFull(needed, n_ctx_);
  std::erase(request.stops, "");
  const int n_choices = request.n_choices;
  auto stream = std::make_shared<GenerationStream>(n_choices);
  const auto shared = std::make_shared<const GenerationRequest>(std::move(request));
  const auto is_ready = std::make_shared<bool>(false);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) throw SchedulerFull(ErrorKind::kInternal, "the engine is being stopped");
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
        end(*slot);
        forget(*slot);
      }
    }
    publish(std::chrono::duration<double>(Clock::now() - start).count());
    for (auto& [stream, update] : ended_)
      stream->push(std::move(update));
    ended_.clear();
  }
  const auto stopped = std::make_exception_ptr(
      Error(ErrorKind::kInternal, "the engine was stopped; the answer is incomplete"));
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
      // The other answers of a request wait until the first has evaluated the prompt.
      const auto next = std::ranges::find_if(waiting_, [](const SchedulerTask& one) {
        return one.choice == 0 || *one.prompt_is_ready;
      });
      if (next == waiting_.end() || !has_room_for(*next)) return;
      task = std::move(*next);
      waiting_.erase(next);
    }
    SchedulerSlot* slot = choose_slot(task.request->prompt);
    start(*slot, std::move(task));
  }
}

/// Whether a slot is idle, the positions are there even if all running answers become as long as
/// they may, and there are sequences for its beams.
bool BatchScheduler::has_room_for(const SchedulerTask& task) const {
  std::size_t n_reserved = positions_of(task);
  bool has_idle = false;
  for (const auto& slot : slots_) {
    if (slot->is_idle())
      has_idle = true;
    else
      n_reserved += slot->run().n_reserved;
  }
  const int n_sequences = task.is_search() ? BeamSearch::n_sequences(task.options().n_beams) : 0;
  return has_idle && n_reserved <= n_cells_ &&
         free_sequences_.size() >= static_cast<std::size_t>(n_sequences);
}

/// Of prompt and answer at most.
std::size_t BatchScheduler::positions_of(const SchedulerTask& task) const {
  const auto n_tokens = static_cast<std::size_t>(task.options().max_tokens) *
                        static_cast<std::size_t>(task.options().n_beams);
  return std::min(task.request->prompt.tokens.size() + n_tokens, static_cast<std::size_t>(n_ctx_));
}

/// An idle one.
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
  std::ranges::sort(idle, {}, &SchedulerSlot::last_used);
  if (options_.unified) return idle.front();
  // llama.cpp evaluates separate caches together only where they lie side by side. Of the half that
  // has been unused for the longest time, the one with the most busy neighbours is taken.
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
  share_prefix(slot, prompt);
  // The last position is always evaluated again: its scores are needed and not kept.
  const std::size_t common =
      std::min(slot.cached().common_prefix(prompt), prompt.tokens.size() - 1);
  llama_memory_seq_rm(llama_get_memory(context_.get()), slot.sequence(),
                      static_cast<llama_pos>(common), -1);
  own_.reused_tokens += static_cast<std::int64_t>(common);
  SchedulerSlot::Run run(std::move(task), model_->n_vocab());
  run.answer.timings.queue_ms = milliseconds(run.started - run.task.submitted);
  run.n_reserved = positions_of(run.task);
  if (run.task.is_search()) {
    const int n_sequences = BeamSearch::n_sequences(run.task.options().n_beams);
    run.sequences.assign(free_sequences_.end() - n_sequences, free_sequences_.end());
    free_sequences_.resize(free_sequences_.size() - run.sequences.size());
  }
  slot.begin(std::move(run), common, ++clock_);
}

/// Takes from another slot what it holds of the same prompt, if that is more. In one cache it is a
/// mark on positions; nothing is copied.
void BatchScheduler::share_prefix(SchedulerSlot& slot, const PromptSequence& prompt) {
  const SchedulerSlot* source = nullptr;
  // Between separate caches all values are copied, which has to be worth it.
  std::size_t most =
      slot.cached().common_prefix(prompt) + (options_.unified ? 0 : kMinSharedPrefix - 1);
  for (const auto& other : slots_) {
    if (const std::size_t common = other->cached().common_prefix(prompt); common > most) {
      most = common;
      source = other.get();
    }
  }
  if (source == nullptr) return;
  llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_rm(memory, slot.sequence(), -1, -1);
  // llama.cpp copies whole caches only; the caller drops what isn't the prompt's.
  const llama_pos end = options_.unified ? static_cast<llama_pos>(most) : -1;
  llama_memory_seq_cp(memory, source->sequence(), slot.sequence(), options_.unified ? 0 : -1, end);
  slot.take_prefix(*source, most);
}

/// Positions that are taken. What slots share counts for each of them.
std::size_t BatchScheduler::n_held() const {
  return std::accumulate(slots_.begin(), slots_.end(), std::size_t{0},
                         [](std::size_t sum, const auto& slot) { return sum + slot->n_held(); });
}

/// For `n_positions` more: idle slots forget what they hold, the least recently used first. That is
/// enough, since running answers have reserved theirs.
void BatchScheduler::make_room(std::size_t n_positions) {
  while (n_held() + n_positions > n_cells_) {
    SchedulerSlot* oldest = nullptr;
    for (const auto& slot : slots_)
      if (slot->is_idle() && slot->n_cached() > 0 &&
          (oldest == nullptr || slot->last_used() < oldest->last_used()))
        oldest = slot.get();
    if (oldest == nullptr) return;
    forget(*oldest);
  }
}

void BatchScheduler::forget(SchedulerSlot& slot) {
  slot.forget();
  llama_memory_seq_rm(llama_get_memory(context_.get()), slot.sequence(), -1, -1);
}

void BatchScheduler::step() {
  end_cancelled();
  for (Work* work : {&main_, &media_}) {
    work->batch.clear();
    work->parts.clear();
  }
  add_answers();
  add_prompts();
  make_room(main_.batch.size() + media_.batch.size());
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
  for (const auto& slot : slots_) {
    if (!slot->in_answer()) continue;
    main_.parts.push_back(slot->run().beams
                              ? slot->add_beams(main_.batch, llama_get_memory(context_.get()))
                              : slot->add_answer(main_.batch, guesses_of(*slot)));
  }
}

void BatchScheduler::add_prompts() {
  std::vector<SchedulerSlot*> prompts;  // the oldest first
  for (const auto& slot : slots_)
    if (slot->in_prompt()) prompts.push_back(slot.get());
  std::ranges::sort(prompts, {}, &SchedulerSlot::last_used);

  const auto n_batch = static_cast<std::size_t>(options_.n_batch);
  std::size_t room = n_batch - std::min(n_batch, main_.batch.size());
  if (!main_.batch.empty()) room = std::min(room, static_cast<std::size_t>(options_.n_prompt_part));
  std::size_t media_room = room;
  for (SchedulerSlot* slot : prompts) {
    const bool is_apart = slot->next_is_media() && !main_.batch.can_mix();
    Work& work = is_apart ? media_ : main_;
    std::size_t& left = is_apart ? media_room : room;
    if (left == 0) continue;
    work.parts.push_back(
        slot->add_prompt(work.batch, static_cast<std::size_t>(model_->n_embd()), left));
    const std::size_t n_added = work.parts.back().tokens.size();
    left -= n_added;
    own_.prompt_tokens += static_cast<std::int64_t>(n_added);
  }
}

void BatchScheduler::evaluate(Work& work) {
  if (work.batch.empty()) return;
  const Clock::time_point start = Clock::now();
  if (const std::int32_t status = decode(work.batch); status != 0) return fail(work, status);
  const double ms = milliseconds_since(start);
  ++own_.steps;
  own_.busy_slots += static_cast<std::int64_t>(work.parts.size());
  for (const SchedulerSlot::Part& part : work.parts)
    part.slot->confirm(part);
  for (SchedulerSlot::Part& part : work.parts)
    if (part.n_rows > 0) take_scores(part);
  record_guesses(work, ms);
}

/// llama_decode's status, when it is done on the device as well.
std::int32_t BatchScheduler::decode(TokenBatch& batch) {
  ++n_evaluations_;
  const std::int32_t status = batch.decode(context_.get());
  llama_synchronize(context_.get());
  return status;
}

void BatchScheduler::fail(const Work& work, std::int32_t status) {
  const Error error(ErrorKind::kInternal,
                    "the language model failed on " + std::to_string(work.batch.size()) +
                        " positions (llama_decode returned " + std::to_string(status) + ")");
  spdlog::error("{}", error.what());
  for (const SchedulerSlot::Part& part : work.parts) {
    part.slot->run().task.stream->fail(std::make_exception_ptr(error));
    end(*part.slot);
    forget(*part.slot);  // a part of the batch may be in llama.cpp's memory
  }
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
