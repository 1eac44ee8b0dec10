#include "llm/chat_session.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/stopwatch.h"
#include "llm/answer_loop.h"
#include "llm/beam_search.h"
#include "llm/text_stream.h"
#include "pandagpt/error.h"

namespace pandagpt {
ChatSession::ChatSession(std::shared_ptr<const LlmModel> model,
                         std::shared_ptr<const LoraAdapter> adapter, PromptTemplate format,
                         const SessionOptions& options)
    : model_(std::move(model)),
      adapter_(std::move(adapter)),
      conversation_(model_, std::move(format), options.later_inputs),
      batch_(model_->token_embeddings(adapter_.get())) {
  lookup_ = PromptLookup(options.guess_always);
  n_ctx_ = usable_context_size(*model_, options.n_ctx);
  n_batch_ = std::min(options.n_batch, n_ctx_);
  context_ = make_context(*model_, adapter_.get(),
                          {.n_ctx = n_ctx_,
                           .n_batch = n_batch_,
                           .n_sequences = 1 + beam_sequences(GenerateOptions::kMaxBeams),
                           .n_threads = options.n_threads,
                           .f32_cache = options.f32_cache});
}

void ChatSession::set_image(std::vector<float> embeddings) {
  conversation_.free_images_except(cached_);
  conversation_.set_image(std::move(embeddings));
}

void ChatSession::add_image(std::vector<float> embeddings, int n_own) {
  conversation_.free_images_except(cached_);
  conversation_.add_image(std::move(embeddings), n_own);
}

void ChatSession::evaluate_prompt(std::string_view question) {
  const std::vector<std::int32_t> tokens = conversation_.tokens(question);
  check_prompt_fits(tokens.size(), n_ctx_);
  counters_.evaluated_in_turn = 0;
  // The last position is always evaluated again: its scores are needed and not kept.
  const std::span<const std::int32_t> reusable(tokens.data(), tokens.size() - 1);
  const auto same = std::mismatch(reusable.begin(), reusable.end(), cached_.begin(), cached_.end());
  keep_cached(static_cast<std::size_t>(same.first - reusable.begin()));
  counters_.reused_in_turn = static_cast<std::int64_t>(cached_.size());
  evaluate(std::span(tokens).subspan(cached_.size()));
}

void ChatSession::keep_cached(std::size_t count) {
  if (count >= cached_.size()) return;
  has_logits_ = false;
  // Always possible: the memory of an attention-only model can drop any end of a sequence.
  if (!llama_memory_seq_rm(llama_get_memory(context_.get()), 0, static_cast<llama_pos>(count),
                           -1)) {
    llama_memory_clear(llama_get_memory(context_.get()), /*data=*/false);
    count = 0;
  }
  cached_.resize(count);
}

void ChatSession::evaluate(std::span<const std::int32_t> tokens) {
  std::size_t at = 0;
  while (at < tokens.size()) {
    const auto fits = [&](std::int32_t token) {
      return batch_.can_mix() ||
             Conversation::is_image(token) == Conversation::is_image(tokens[at]);
    };
    std::size_t end = at + 1;
    while (end < tokens.size() && end - at < static_cast<std::size_t>(n_batch_) &&
           fits(tokens[end])) {
      ++end;
    }
    evaluate_run(tokens.subspan(at, end - at),
                 end == tokens.size() ? Logits::kLast : Logits::kNone);
    at = end;
  }
}

void ChatSession::evaluate_run(std::span<const std::int32_t> tokens, Logits logits) {
  batch_.clear();
  const auto width = static_cast<std::size_t>(model_->n_embd());
  // A batch may end within an image, and the same image may stand in several turns.
  const auto image_row = [&](std::size_t i) {
    const std::span<const float> image = conversation_.image(tokens[i]);
    const auto seen = static_cast<std::size_t>(std::ranges::count(cached_, tokens[i]) +
                                               std::ranges::count(tokens.first(i), tokens[i]));
    return image.subspan(seen * width % image.size(), width);
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto position = static_cast<llama_pos>(cached_.size() + i);
    const bool has_logits =
        logits == Logits::kAll || (logits == Logits::kLast && i + 1 == tokens.size());
    if (Conversation::is_image(tokens[i]))
      batch_.add(image_row(i), position, 0, has_logits);
    else
      batch_.add(tokens[i], position, 0, has_logits);
  }
  has_logits_ = false;
  const std::int32_t status = batch_.decode(context_.get());
  if (status != 0) {
    // A part of the batch may be in llama.cpp's memory.
    llama_memory_seq_rm(llama_get_memory(context_.get()), 0, static_cast<llama_pos>(cached_.size()),
                        -1);
    throw Error(ErrorKind::kInternal,
                "the language model failed on " + std::to_string(tokens.size()) +
                    " positions (llama_decode returned " + std::to_string(status) + ")");
  }
  cached_.insert(cached_.end(), tokens.begin(), tokens.end());
  counters_.evaluated_in_turn += static_cast<std::int64_t>(tokens.size());
  counters_.evaluated_total += static_cast<std::int64_t>(tokens.size());
  has_logits_ = logits != Logits::kNone;
}

/// The last `n_last` positions (tokens, no image) once more, all at once and in a sequence of their
/// own, which is gone afterwards: the last one's logits, or nothing if llama.cpp failed.
std::span<const float> ChatSession::evaluate_aside(std::size_t n_last) {
  constexpr llama_seq_id kAside = 1;
  const std::size_t first = cached_.size() - n_last;
  const llama_memory_t memory = llama_get_memory(context_.get());
  llama_memory_seq_cp(memory, 0, kAside, 0, static_cast<llama_pos>(first));
  batch_.clear();
  for (std::size_t i = first; i < cached_.size(); ++i)
    batch_.add(cached_[i], static_cast<llama_pos>(i), kAside, i + 1 == cached_.size());
  has_logits_ = false;
  const std::int32_t status = batch_.decode(context_.get());
  llama_memory_seq_rm(memory, kAside, -1, -1);
  return status == 0 ? logits(-1) : std::span<const float>();
}

std::span<const float> ChatSession::logits(int row) const {
  return {llama_get_logits_ith(context_.get(), row), static_cast<std::size_t>(model_->n_vocab())};
}

Answer ChatSession::ask(std::string_view question, const GenerateOptions& options,
                        const OnText& on_text) {
  options.validate();
  const Clock::time_point start = Clock::now();
  evaluate_prompt(question);
  const double prompt_ms = milliseconds_since(start);
  const int prompt_tokens = static_cast<int>(counters_.evaluated_in_turn);
  Answer answer = options.n_beams > 1 ? search(options, on_text) : generate(options, on_text);
  answer.timings.prompt_ms = prompt_ms;
  answer.timings.first_text_ms += prompt_ms;
  answer.timings.prompt_tokens = prompt_tokens;
  answer.timings.reused_tokens = static_cast<int>(counters_.reused_in_turn);
  conversation_.add_turn({std::string(question), answer.text});
  return answer;
}

Answer ChatSession::search(const GenerateOptions& options, const OnText& on_text) {
  const Clock::time_point start = Clock::now();
  const BeamResult best =
      beam_search(context_.get(), *model_, last_logits(), static_cast<llama_pos>(cached_.size()),
                  {options.n_beams, options.max_tokens, n_ctx_ - static_cast<int>(cached_.size()),
                   conversation_.format().stop});
  has_logits_ = false;  // llama.cpp's are now those of the beams
  AnswerStream stream({conversation_.format().stop});
  for (const std::int32_t token : best.tokens)
    stream.push(model_->token_to_piece(token));
  stream.finish(best.complete);
  Answer answer;
  answer.text = stream.text();
  answer.finish = best.complete         ? FinishReason::kStop
                  : best.out_of_context ? FinishReason::kContext
                                        : FinishReason::kLength;
  answer.timings.generated_tokens = static_cast<int>(best.tokens.size());
  answer.timings.generate_ms = answer.timings.first_text_ms = milliseconds_since(start);
  if (on_text && !answer.text.empty() && !on_text(answer.text))
    answer.finish = FinishReason::kCancelled;
  return answer;
}

Answer ChatSession::regenerate(const GenerateOptions& options, const OnText& on_text) {
  const Turn last = conversation_.take_last_turn();
  try {
    return ask(last.question, options, on_text);
  } catch (...) {
    conversation_.add_turn(last);
    throw;
  }
}

void ChatSession::prefill(std::string_view question) {
  evaluate_prompt(question);
}

std::vector<float> ChatSession::last_logits() const {
  if (!has_logits_) return {};
  const float* logits = llama_get_logits_ith(context_.get(), -1);
  return {logits, logits + model_->n_vocab()};
}

void ChatSession::reset() {
  conversation_.clear();
  conversation_.free_images_except(cached_);
}

}  // namespace pandagpt
