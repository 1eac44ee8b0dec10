// BatchScheduler's answers: what becomes of scores, and what is guessed to come next.
#include <algorithm>
#include <cstring>
#include <limits>
#include <span>
#include <utility>

#include "core/stopwatch.h"
#include "llm/batch_scheduler.h"

namespace pandagpt {

/// (n_vocab) of a row of the last evaluation.
std::span<const float> BatchScheduler::scores(const SchedulerSlot& slot, int row) {
  const std::span<float> all(llama_get_logits_ith(context_.get(), row),
                             static_cast<std::size_t>(model_->n_vocab()));
  if (slot.run().task.request->ignore_eos)
    for (const std::int32_t token : end_tokens_)
      all[static_cast<std::size_t>(token)] = -std::numeric_limits<float>::infinity();
  return all;
}

void BatchScheduler::take_scores(SchedulerSlot::Part& part) {
  SchedulerSlot::Run& run = part.slot->run();
  if (std::exchange(run.in_prompt, false)) return begin_answer(*part.slot, part.first_row);
  run.answer.timings.generate_ms = milliseconds_since(run.first_token);
  if (run.beams) return take_beams(part);
  if (take_token(*part.slot, part.first_row)) take_guesses(part);
}

/// By the scores behind the prompt.
void BatchScheduler::begin_answer(SchedulerSlot& slot, int row) {
  SchedulerSlot::Run& run = slot.run();
  run.first_token = Clock::now();
  run.answer.timings.prompt_ms =
      std::chrono::duration<double, std::milli>(run.first_token - run.started).count();
  *run.task.prompt_is_ready = true;
  if (!run.task.is_search()) {
    take_token(slot, row);
    return;
  }
  const GenerateOptions& options = run.task.options();
  run.beams.emplace(*model_,
                    BeamOptions{.n_beams = options.n_beams,
                                .max_tokens = options.max_tokens,
                                .n_free = static_cast<std::size_t>(n_ctx_) - slot.n_cached(),
                                .stops = run.task.request->stops},
                    slot.sequence(), slot.n_cached(), run.sequences);
  run.beams->begin(scores(slot, row));
  if (run.beams->done()) finish_search(slot);
}

/// Draws the next token by the scores of `row`, which are those behind the slot's last position.
/// Whether the answer goes on.
bool BatchScheduler::take_token(SchedulerSlot& slot, int row) {
  SchedulerSlot::Run& run = slot.run();
  Timings& timings = run.answer.timings;
  const std::span<const float> of_row = scores(slot, row);
  run.evaluation = n_evaluations_;
  run.row = row;
  const std::int32_t token = run.sampler.sample(of_row);
  if (run.task.request->wants_scores) run.scores.assign(of_row.begin(), of_row.end());
  ++timings.generated_tokens;
  ++own_.generated_tokens;
  std::optional<FinishReason> end;
  const bool ended_by_model = model_->is_end_of_generation(token);
  if (ended_by_model) {
    end = FinishReason::kStop;
  } else {
    const std::string text = run.text.push(model_->token_to_piece(token));
    if (!text.empty()) {
      if (timings.first_text_ms == 0)
        timings.first_text_ms = milliseconds_since(run.task.submitted);
      run.task.stream->push({.choice = run.task.choice, .text = text});
    }
    if (run.text.stopped())
      end = FinishReason::kStop;
    else if (timings.generated_tokens >= run.task.options().max_tokens)
      end = FinishReason::kLength;
    else if (slot.n_cached() + 1 >= static_cast<std::size_t>(n_ctx_))
      end = FinishReason::kContext;
  }
  if (end) {
    finish(slot, *end, ended_by_model);
    return false;
  }
  run.pending = token;
  return true;
}

/// Behind the token that was known, as many guesses as come true. The others leave the cache.
void BatchScheduler::take_guesses(SchedulerSlot::Part& part) {
  SchedulerSlot& slot = *part.slot;
  bool goes_on = true;
  for (; goes_on && part.n_right < part.guesses.size(); ++part.n_right) {
    const std::int32_t guess = part.guesses[part.n_right];
    if (slot.run().pending != guess) break;
    slot.confirm(guess);
    ++slot.run().answer.timings.accepted_tokens;
    goes_on = take_token(slot, part.first_row + static_cast<int>(part.n_right) + 1);
  }
  if (part.n_right < part.guesses.size() || !goes_on)
    llama_memory_seq_rm(llama_get_memory(context_.get()), slot.sequence(),
                        static_cast<llama_pos>(slot.n_cached()), -1);
}

void BatchScheduler::take_beams(const SchedulerSlot::Part& part) {
  SchedulerSlot& slot = *part.slot;
  std::vector<std::span<const float>> rows;
  for (int i = 0; i < part.n_rows; ++i)
    rows.push_back(scores(slot, part.first_row + i));
  slot.run().beams->take(rows);
  if (slot.run().beams->done()) finish_search(slot);
}

void BatchScheduler::finish_search(SchedulerSlot& slot) {
  SchedulerSlot::Run& run = slot.run();
  const BeamResult best = run.beams->result();
  std::string text;
  for (const std::int32_t token : best.tokens)
    text += run.text.push(model_->token_to_piece(token));
  Timings& timings = run.answer.timings;
  timings.generated_tokens = static_cast<int>(best.tokens.size());
  timings.generate_ms = milliseconds_since(run.first_token);
  timings.first_text_ms = milliseconds_since(run.task.submitted);
  own_.generated_tokens += timings.generated_tokens;
  if (!text.empty()) run.task.stream->push({.choice = run.task.choice, .text = std::move(text)});
  finish(slot,
         best.complete         ? FinishReason::kStop
         : best.out_of_context ? FinishReason::kContext
                               : FinishReason::kLength,
         best.complete);
}

void BatchScheduler::finish(SchedulerSlot& slot, FinishReason reason, bool ended_by_model) {
  SchedulerSlot::Run& run = slot.run();
  GenerationUpdate last{.choice = run.task.choice, .text = run.text.finish(ended_by_model)};
  run.answer.text = run.text.text();
  run.answer.finish = reason;
  last.finished = std::move(run.answer);
  last.scores = std::move(run.scores);
  ++own_.finished;
  if (reason == FinishReason::kCancelled) ++own_.cancelled;
  ended_.emplace_back(run.task.stream, std::move(last));
  end(slot);
}

/// The slot is idle from now on, and keeps what it holds.
void BatchScheduler::end(SchedulerSlot& slot) {
  const SchedulerSlot::Run& run = slot.run();
  if (run.beams) run.beams->end(llama_get_memory(context_.get()));
  free_sequences_.insert(free_sequences_.end(), run.sequences.begin(), run.sequences.end());
  slot.end();
}

// --- Prompt look-up ------------------------------------------------------------------------------

/// Tokens to be evaluated together with the one that comes next. Only where that gives the same
/// bits as one position at a time, so that guessing never changes an answer.
std::vector<std::int32_t> BatchScheduler::guesses_of(SchedulerSlot& slot) {
  SchedulerSlot::Run& run = slot.run();
  const GenerateOptions& options = run.task.options();
  slot.lookup().saw(run.pending);
  // Without a sequence to try it in, nobody knows whether guesses are evaluated equally.
  if (options.n_draft == 0 || !options_.unified) return {};
  const std::size_t used = main_.batch.size() + 1;
  const auto n_batch = static_cast<std::size_t>(options_.n_batch);
  const std::size_t limit =
      std::min({static_cast<std::size_t>(n_ctx_) - slot.n_cached() - 2,
                static_cast<std::size_t>(options.max_tokens - run.answer.timings.generated_tokens),
                n_batch - std::min(n_batch, used), static_cast<std::size_t>(options.n_draft)});
  if (batch_equality_.usable(limit + 1) == 1) return {};  // before the search for nothing
  std::vector<std::int32_t> tokens = slot.cached().tokens;
  tokens.push_back(run.pending);
  std::vector<std::int32_t> guess = slot.lookup().guess(tokens, limit);
  const std::size_t n_rows = batch_equality_.usable(guess.size() + 1);
  if (n_rows == 1) return {};
  if (!rows_are_equal(slot, n_rows)) {
    slot.lookup().watch(std::move(guess));
    return {};
  }
  guess.resize(n_rows - 1);
  run.answer.timings.guessed_tokens += static_cast<int>(guess.size());
  return guess;
}

/// Whether `n_rows` positions get the same bits at once as one by one. Tried the first time on the
/// answer's last ones, in another sequence: keys and values of each of them reach the last one's
/// scores, which are at hand from before. The trial also tells whether it is fast enough. It is
/// made when nothing else is under way, so that the scores are there, and nobody waits for it.
bool BatchScheduler::rows_are_equal(SchedulerSlot& slot, std::size_t n_rows) {
  if (batch_equality_.is_equal(n_rows, slot.n_cached())) return true;
  const SchedulerSlot::Run& run = slot.run();
  const bool is_alone = std::ranges::all_of(
      slots_, [&](const auto& other) { return other.get() == &slot || other->is_idle(); });
  if (!slot.lookup().promising() || !is_alone || run.evaluation != n_evaluations_ ||
      slot.n_cached() < run.prompt().tokens.size() + n_rows ||
      slot.n_cached() + n_rows > static_cast<std::size_t>(n_ctx_) || free_sequences_.empty())
    return false;
  const std::span<const float> of_row = scores(slot, run.row);
  const std::vector<float> one_by_one(of_row.begin(), of_row.end());
  const Clock::time_point start = Clock::now();
  const std::vector<float> at_once = evaluate_aside(slot, n_rows);
  const bool pays = slot.lookup().may_pay(n_rows, milliseconds_since(start));
  const bool equal =
      at_once.size() == one_by_one.size() &&
      std::memcmp(at_once.data(), one_by_one.data(), at_once.size() * sizeof(float)) == 0;
  batch_equality_.record_trial(n_rows, slot.n_cached(), equal && pays);
  return equal && pays;
}

/// The last `n_last` positions (tokens, no inputs) once more, all at once and in a sequence of
/// their own, which is gone afterwards: the last one's scores, or nothing if llama.cpp failed.
std::vector<float> BatchScheduler::evaluate_aside(const SchedulerSlot& slot, std::size_t n_last) {
  const llama_seq_id aside = free_sequences_.back();
  const std::vector<std::int32_t>& tokens = slot.cached().tokens;
  const std::size_t first = tokens.size() - n_last;
  make_room(n_last);
  const llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_cp(memory, slot.sequence(), aside, 0, static_cast<llama_pos>(first));
  TokenBatch batch;
  for (std::size_t i = first; i < tokens.size(); ++i)
    batch.add(tokens[i], static_cast<llama_pos>(i), aside, i + 1 == tokens.size());
  const std::int32_t status = decode(batch);
  std::vector<float> result;
  if (status == 0) {
    const std::span<const float> row = scores(slot, -1);
    result.assign(row.begin(), row.end());
  }
  llama_memory_seq_rm(memory, aside, -1, -1);
  return result;
}

/// Whether guessing pays: only by evaluations that hold answers and nothing else, since others
/// can't be compared.
void BatchScheduler::record_guesses(const Work& work, double ms) {
  std::size_t n_guesses = 0;
  for (const SchedulerSlot::Part& part : work.parts) {
    if (part.tokens.size() != 1 || part.n_rows == 0) return;
    n_guesses += part.guesses.size();
  }
  for (const SchedulerSlot::Part& part : work.parts) {
    const std::size_t n_own = part.guesses.size();
    if (n_own == 0 && n_guesses > 0) continue;
    const double share =
        n_own == 0 ? 1 : static_cast<double>(n_own) / static_cast<double>(n_guesses);
    part.slot->lookup().record(n_own, part.n_right, ms,
                               share * static_cast<double>(work.parts.size()));
  }
}

}  // namespace pandagpt
