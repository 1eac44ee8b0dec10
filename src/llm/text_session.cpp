#include "llm/text_session.h"

#include <llama.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/stopwatch.h"
#include "llm/answer_loop.h"
#include "llm/token_sampler.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kBatch = 512;  // positions evaluated in one go

}  // namespace

TextSession::TextSession(std::shared_ptr<const LlmModel> model, int n_ctx, int n_threads,
                         std::string system)
    : model_(std::move(model)),
      template_(*model_, std::move(system)),
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
  check_prompt_fits(tokens.size(), n_ctx_);
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

/// One token after another, each by the scores behind the last one.
class TextSession::Decoder : public TokenSource {
 public:
  Decoder(TextSession& session, const GenerateOptions& options, std::uint32_t seed)
      : session_(session), sampler_(options, session.model_->n_vocab(), seed) {}

  std::size_t n_positions() const override { return session_.cached_.size(); }
  llama_token sample() override {
    return sampler_.sample({llama_get_logits_ith(session_.context_.get(), -1),
                            static_cast<std::size_t>(session_.model_->n_vocab())});
  }
  void advance(llama_token token, std::size_t /*n_more*/) override {
    session_.evaluate({&token, 1});
  }

 private:
  TextSession& session_;
  TokenSampler sampler_;
};

Answer TextSession::generate(const GenerateOptions& options, const OnText& on_text) {
  const std::uint32_t seed = choose_seed(options);
  Decoder decoder(*this, options, seed);
  Answer answer = generate_answer(
      decoder, *model_, {template_.stop(), static_cast<std::size_t>(n_ctx_)}, options, on_text);
  answer.seed = seed;
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
