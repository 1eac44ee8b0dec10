// ChatSession::generate: one answer, token by token, with guesses evaluated along where they pay.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "llm/chat_session.h"
#include "llm/text_stream.h"
#include "llm/token_sampler.h"

namespace pandagpt {
namespace {

using Clock = std::chrono::steady_clock;

// Logits of positions that are evaluated together differ in the last digits from those of positions
// evaluated one by one (other kernels, other order of sums). Where the best token is nearer than
// this to the second best, or its probability to top_p, the position is evaluated alone.
constexpr float kClearMargin = 0.1F;
constexpr double kClearProbability = 0.02;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Whether these settings can only choose the best token, and clearly so: then it doesn't matter
/// that other positions were evaluated along.
bool choice_is_clear(std::span<const float> logits, const GenerateOptions& options) {
  float best = -INFINITY, second = -INFINITY;
  for (const float logit : logits) {
    second = std::max(second, std::min(best, logit));
    best = std::max(best, logit);
  }
  if (!(best - second >= kClearMargin)) return false;
  if (options.greedy || options.temperature == 0 || options.top_k == 1) return true;
  double sum = 0;
  for (const float logit : logits)
    sum += std::exp(logit - best);
  return 1 / sum >= options.top_p + kClearProbability;
}

}  // namespace

/// The tokens of one answer. Guesses are evaluated together with the token before them, and stay in
/// the cache as far as sampling confirms them.
class ChatSession::Decoder {
 public:
  Decoder(ChatSession& session, const GenerateOptions& options, std::uint32_t seed)
      : session_(session),
        options_(options),
        sampler_(options, session.model_->n_vocab(), seed),
        confirmed_(session.cached_.size()) {}

  /// Positions of the conversation up to here.
  std::size_t n_positions() const { return confirmed_; }

  llama_token sample() {
    if (n_guessed_ > 0 && !choice_is_clear(logits(), options_)) evaluate_last_alone();
    return sampler_.sample(logits());
  }

  /// Makes the scores behind `token` available. At most `n_guesses` tokens are guessed.
  void advance(llama_token token, std::size_t n_guesses) {
    std::vector<std::int32_t>& cached = session_.cached_;
    if (confirmed_ < cached.size() && cached[confirmed_] == token) {
      ++confirmed_;
      ++n_right_;
      return;
    }
    end_evaluation();
    std::vector<std::int32_t> tokens{token};
    if (may_guess()) {
      cached.push_back(token);
      const std::vector<std::int32_t> guess = session_.lookup_.guess(cached, n_guesses);
      cached.pop_back();
      tokens.insert(tokens.end(), guess.begin(), guess.end());
    }
    evaluate(tokens);
  }

  /// Guesses that were not confirmed leave the cache.
  void finish() { end_evaluation(); }

  int n_guessed_in_all() const { return n_guessed_in_all_; }
  int n_right_in_all() const { return n_right_in_all_; }

 private:
  bool may_guess() const {
    // The penalties change what is the best token from one position to the next.
    return options_.n_draft > 0 && !options_.has_penalties();
  }

  /// Number of the last evaluation's output; the only one is also the last.
  int row() const { return n_guessed_ > 0 ? static_cast<int>(n_right_) : -1; }

  std::span<const float> logits() const {
    return {llama_get_logits_ith(session_.context_.get(), row()),
            static_cast<std::size_t>(session_.model_->n_vocab())};
  }

  void evaluate(std::span<const std::int32_t> tokens) {
    const Clock::time_point start = Clock::now();
    session_.evaluate_run(tokens, tokens.size() > 1 ? Logits::kAll : Logits::kLast);
    llama_synchronize(session_.context_.get());
    evaluation_ms_ = milliseconds_since(start);
    ++confirmed_;
    n_guessed_ = tokens.size() - 1;
    n_right_ = 0;
  }

  void end_evaluation() {
    session_.keep_cached(confirmed_);
    if (evaluation_ms_ > 0) session_.lookup_.record(n_guessed_, n_right_, evaluation_ms_);
    n_guessed_in_all_ += static_cast<int>(n_guessed_);
    n_right_in_all_ += static_cast<int>(n_right_);
    n_guessed_ = n_right_ = 0;
    evaluation_ms_ = 0;
  }

  void evaluate_last_alone() {
    end_evaluation();
    const std::int32_t last = session_.cached_.back();
    session_.keep_cached(--confirmed_);
    evaluate(std::span(&last, 1));
  }

  ChatSession& session_;
  const GenerateOptions& options_;
  TokenSampler sampler_;
  std::size_t confirmed_;      // positions of the cache that belong to the conversation
  std::size_t n_guessed_ = 0;  // in the last evaluation
  std::size_t n_right_ = 0;    // of them, so far
  double evaluation_ms_ = 0;   // 0: the prompt's
  int n_guessed_in_all_ = 0;
  int n_right_in_all_ = 0;
};

Answer ChatSession::generate(const GenerateOptions& options, const OnText& on_text) {
  Answer answer;
  answer.seed = choose_seed(options);
  Decoder decoder(*this, options, answer.seed);
  AnswerStream stream({conversation_.format().stop});
  const Clock::time_point start = Clock::now();
  bool go_on = true;
  const auto emit = [&](const std::string& text) {
    if (text.empty()) return;
    if (answer.timings.first_text_ms == 0) answer.timings.first_text_ms = milliseconds_since(start);
    if (on_text && !on_text(text)) go_on = false;
  };

  const auto n_ctx = static_cast<std::size_t>(n_ctx_);
  int& count = answer.timings.generated_tokens;
  bool ended_by_model = false;
  Clock::time_point first_token = start;
  while (true) {
    const llama_token token = decoder.sample();
    if (++count == 1) first_token = Clock::now();
    answer.timings.generate_ms = milliseconds_since(first_token);
    ended_by_model = model_->is_end_of_generation(token);
    if (ended_by_model) break;
    emit(stream.push(model_->token_to_piece(token)));
    if (stream.stopped()) break;
    answer.finish = !go_on                               ? FinishReason::kCancelled
                    : count >= options.max_tokens        ? FinishReason::kLength
                    : decoder.n_positions() + 1 >= n_ctx ? FinishReason::kContext
                                                         : FinishReason::kStop;
    if (answer.finish != FinishReason::kStop) break;
    const std::size_t room = std::min(
        {n_ctx - decoder.n_positions() - 2, static_cast<std::size_t>(options.max_tokens - count),
         static_cast<std::size_t>(n_batch_ - 1), static_cast<std::size_t>(options.n_draft)});
    decoder.advance(token, room);
  }
  decoder.finish();
  answer.timings.guessed_tokens = decoder.n_guessed_in_all();
  answer.timings.accepted_tokens = decoder.n_right_in_all();
  if (go_on) emit(stream.finish(ended_by_model));  // after a refusal, nothing more is sent
  answer.text = stream.text();
  return answer;
}

}  // namespace pandagpt
