#include "llm/scheduler_slot.h"

#include <algorithm>
#include <span>
#include <utility>

namespace pandagpt {
namespace {

std::uint32_t seed_of(const SchedulerTask& task) {
  GenerateOptions options = task.request->options;
  if (options.seed) *options.seed += static_cast<std::uint32_t>(task.choice);
  return choose_seed(options);
}

}  // namespace

SchedulerSlot::Run::Run(SchedulerTask of, int n_vocab)
    : task(std::move(of)),
      sampler(task.request->options, n_vocab, seed_of(task)),
      text(task.request->stops),
      started(Clock::now()) {
  answer.seed = sampler.seed();
}

void SchedulerSlot::begin(Run run, std::size_t n_cached, std::int64_t time) {
  run_.emplace(std::move(run));
  last_used_ = time;
  const PromptSequence& prompt = run_->prompt();
  cached_.tokens.assign(prompt.tokens.begin(),
                        prompt.tokens.begin() + static_cast<std::ptrdiff_t>(n_cached));
  cached_.media = prompt.media;
  run_->answer.timings.reused_tokens = static_cast<int>(n_cached);
  run_->answer.timings.prompt_tokens = static_cast<int>(prompt.tokens.size() - n_cached);
}

void SchedulerSlot::take_prefix(const SchedulerSlot& other, std::size_t count) {
  cached_.tokens.assign(other.cached_.tokens.begin(),
                        other.cached_.tokens.begin() + static_cast<std::ptrdiff_t>(count));
  cached_.media = other.cached_.media;
}

SchedulerSlot::Part SchedulerSlot::add_answer(TokenBatch& batch,
                                              std::vector<std::int32_t> guesses) {
  const auto first_row = static_cast<int>(batch.size());
  auto position = static_cast<llama_pos>(n_cached());
  batch.add(run_->pending, position, sequence_, /*has_logits=*/true);
  for (const std::int32_t guess : guesses)
    batch.add(guess, ++position, sequence_, /*has_logits=*/true);
  const auto n_rows = 1 + static_cast<int>(guesses.size());
  return {this, {run_->pending}, std::move(guesses), /*n_right=*/0, first_row, n_rows};
}

SchedulerSlot::Part SchedulerSlot::add_beams(TokenBatch& batch, llama_memory_t memory) {
  const auto first_row = static_cast<int>(batch.size());
  run_->beams->add(memory, batch);
  return {this, {}, {}, /*n_right=*/0, first_row, static_cast<int>(run_->beams->n_rows())};
}

bool SchedulerSlot::next_is_media() const {
  return PromptSequence::is_media(run_->prompt().tokens[n_cached()]);
}

SchedulerSlot::Part SchedulerSlot::add_prompt(TokenBatch& batch, std::size_t n_embd,
                                              std::size_t limit) {
  Part part{this, {}};
  const PromptSequence& prompt = run_->prompt();
  const std::size_t first = n_cached();
  const bool first_is_media = next_is_media();
  std::size_t at = first;
  for (; at < prompt.tokens.size() && at - first < limit; ++at) {
    const std::int32_t token = prompt.tokens[at];
    const bool is_media = PromptSequence::is_media(token);
    if (is_media != first_is_media && !batch.can_mix()) break;
    const auto position = static_cast<llama_pos>(at);
    const bool is_last = at + 1 == prompt.tokens.size();
    if (is_media) {
      const std::span<const float> values = prompt.media_of(token).values;
      batch.add(values.subspan(prompt.media_row(at) * n_embd, n_embd), position, sequence_,
                is_last);
    } else {
      batch.add(token, position, sequence_, is_last);
    }
    part.tokens.push_back(token);
  }
  if (at == prompt.tokens.size()) {
    part.first_row = static_cast<int>(batch.size()) - 1;
    part.n_rows = 1;
  }
  return part;
}

void SchedulerSlot::confirm(const Part& part) {
  cached_.tokens.insert(cached_.tokens.end(), part.tokens.begin(), part.tokens.end());
}

}  // namespace pandagpt
