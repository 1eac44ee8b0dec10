#include "llm/text_session.h"

#include <llama.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "llm/text_stream.h"
#include "llm/token_sampler.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 512;  // positions evaluated in one go

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

TextSession::TextSession(std::shared_ptr<const LlmModel> model, int n_ctx, int n_threads)
    : model_(std::move(model)),
      template_(*model_),
      n_ctx_(usable_context_size(*model_, n_ctx)),
      context_(make_context(*model_, /*adapter=*/nullptr,
                            {.n_ctx = n_ctx_,
                             .n_batch = std::min(static_cast<int>(kBatch), n_ctx_),
                             .n_threads = n_threads})) {}

void TextSession::evaluate(std::span<const std::int32_t> tokens) {
  for (std::size_t at = 0; at < tokens.size();) {
    const std::size_t count =
        std::min({tokens.size() - at, kBatch, static_cast<std::size_t>(n_ctx_)});
    batch_.clear();
    for (std::size_t i = at; i < at + count; ++i)
      batch_.add(tokens[i], static_cast<llama_pos>(cached_.size() + i - at), 0,
                 i + 1 == tokens.size());
    const std::int32_t status = batch_.decode(context_.get());
    if (status != 0) {
      llama_memory_clear(llama_get_memory(context_.get()), /*data=*/false);
      cached_.clear();
      throw Error(ErrorKind::kInternal, "the language model failed (llama_decode returned " +
                                            std::to_string(status) + ")");
    }
    cached_.insert(cached_.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at),
                   tokens.begin() + static_cast<std::ptrdiff_t>(at + count));
    at += count;
  }
}

void TextSession::evaluate_prompt(std::string_view question, Timings& timings) {
  const std::vector<std::int32_t> tokens = template_.tokens(turns_, question);
  if (tokens.size() >= static_cast<std::size_t>(n_ctx_))
    throw Error(ErrorKind::kUsage,
                "the conversation with this question needs " + std::to_string(tokens.size() + 1) +
                    " positions and the context (--ctx-size) has " + std::to_string(n_ctx_) +
                    ": start a new conversation, ask a shorter question, or raise the context "
                    "size; nothing was lost");
  // The last position is always evaluated again: its scores are needed.
  const std::span<const std::int32_t> reusable(tokens.data(), tokens.size() - 1);
  const auto same = std::mismatch(reusable.begin(), reusable.end(), cached_.begin(), cached_.end());
  auto count = static_cast<std::size_t>(same.first - reusable.begin());
  if (count < cached_.size() && !llama_memory_seq_rm(llama_get_memory(context_.get()), 0,
                                                     static_cast<llama_pos>(count), -1)) {
    llama_memory_clear(llama_get_memory(context_.get()), /*data=*/false);
    count = 0;
  }
  cached_.resize(count);
  evaluate(std::span(tokens).subspan(count));
  timings.prompt_tokens = static_cast<int>(tokens.size() - count);
  timings.reused_tokens = static_cast<int>(count);
}

Answer TextSession::generate(const GenerateOptions& options, const OnText& on_text) {
  Answer answer;
  answer.seed = choose_seed(options);
  TokenSampler sampler(options, model_->n_vocab(), answer.seed);
  AnswerStream stream({template_.stop()});
  const Clock::time_point start = Clock::now();
  bool go_on = true;
  const auto emit = [&](const std::string& text) {
    if (text.empty()) return;
    if (answer.timings.first_text_ms == 0) answer.timings.first_text_ms = milliseconds_since(start);
    if (on_text && !on_text(text)) go_on = false;
  };
  int& count = answer.timings.generated_tokens;
  bool ended_by_model = false;
  Clock::time_point first_token = start;
  while (true) {
    const llama_token token = sampler.sample(
        {llama_get_logits_ith(context_.get(), -1), static_cast<std::size_t>(model_->n_vocab())});
    if (++count == 1) first_token = Clock::now();
    answer.timings.generate_ms = milliseconds_since(first_token);
    ended_by_model = model_->is_end_of_generation(token);
    if (ended_by_model) break;
    emit(stream.push(model_->token_to_piece(token)));
    if (stream.stopped()) break;
    answer.finish = !go_on                        ? FinishReason::kCancelled
                    : count >= options.max_tokens ? FinishReason::kLength
                    : cached_.size() + 1 >= static_cast<std::size_t>(n_ctx_)
                        ? FinishReason::kContext
                        : FinishReason::kStop;
    if (answer.finish != FinishReason::kStop) break;
    evaluate({&token, 1});
  }
  if (go_on) emit(stream.finish(ended_by_model));
  answer.text = stream.text();
  return answer;
}

Answer TextSession::ask(std::string_view question, const GenerateOptions& options,
                        const OnText& on_text) {
  options.validate();
  if (options.n_beams > 1)
    throw Error(ErrorKind::kUsage, "beam search (--beams) needs a model folder");
  const Clock::time_point start = Clock::now();
  Timings prompt;
  evaluate_prompt(question, prompt);
  prompt.prompt_ms = milliseconds_since(start);
  Answer answer = generate(options, on_text);
  answer.timings.prompt_ms = prompt.prompt_ms;
  answer.timings.first_text_ms += prompt.prompt_ms;
  answer.timings.prompt_tokens = prompt.prompt_tokens;
  answer.timings.reused_tokens = prompt.reused_tokens;
  turns_.push_back({std::string(question), answer.text});
  return answer;
}

Answer TextSession::regenerate(const GenerateOptions& options, const OnText& on_text) {
  if (turns_.empty()) throw Error(ErrorKind::kUsage, "there is no answer to generate again");
  Turn last = std::move(turns_.back());
  turns_.pop_back();
  try {
    return ask(last.question, options, on_text);
  } catch (...) {
    turns_.push_back(std::move(last));
    throw;
  }
}

}  // namespace pandagpt
