// ChatSession::generate: one answer, token by token, with guesses evaluated along where they pay.
#include <algorithm>
#include <cstring>

#include "core/stopwatch.h"
#include "llm/answer_loop.h"
#include "llm/chat_session.h"
#include "llm/token_sampler.h"

namespace pandagpt {

/// The tokens of one answer. Guesses are evaluated together with the token before them, and stay in
/// the cache as far as sampling confirms them. Only where that gives the same bits as one position
/// at a time, so that guessing never changes an answer.
class ChatSession::Decoder : public TokenSource {
 public:
  Decoder(ChatSession& session, const GenerateOptions& options, std::uint32_t seed)
      : session_(session),
        options_(options),
        sampler_(options, session.model_->n_vocab(), seed),
        begin_(session.cached_.size()),
        confirmed_(begin_) {}

  std::size_t n_positions() const override { return confirmed_; }

  llama_token sample() override { return sampler_.sample(session_.logits(row())); }

  void advance(llama_token token, std::size_t n_more) override {
    const std::vector<std::int32_t>& cached = session_.cached_;
    if (confirmed_ < cached.size() && cached[confirmed_] == token) {
      ++confirmed_;
      ++n_right_;
      return;
    }
    const int last_row = row();
    session_.lookup_.saw(token);
    end_evaluation();
    const std::size_t n_guesses =
        std::min({static_cast<std::size_t>(session_.n_ctx_) - n_positions() - 2, n_more,
                  static_cast<std::size_t>(session_.n_batch_ - 1),
                  static_cast<std::size_t>(options_.n_draft)});
    evaluate(with_guesses(token, n_guesses, last_row));
  }

  /// Guesses that were not confirmed leave the cache.
  void finish() { end_evaluation(); }

  int n_guessed_in_all() const { return n_guessed_in_all_; }
  int n_right_in_all() const { return n_right_in_all_; }

 private:
  /// Number of the last evaluation's output; the only one is also the last.
  int row() const { return n_guessed_ > 0 ? static_cast<int>(n_right_) : -1; }

  std::vector<std::int32_t> with_guesses(llama_token token, std::size_t n_guesses, int last_row) {
    std::vector<std::int32_t> tokens{token};
    std::vector<std::int32_t>& cached = session_.cached_;
    if (options_.n_draft == 0 || session_.batch_equality_.usable(n_guesses + 1, cached.size()) == 1)
      return tokens;  // before the search, which would be for nothing
    cached.push_back(token);
    std::vector<std::int32_t> guess = session_.lookup_.guess(cached, n_guesses);
    cached.pop_back();
    const std::size_t n_rows = session_.batch_equality_.usable(guess.size() + 1, cached.size());
    if (n_rows > 1 && rows_are_equal(n_rows, last_row))
      tokens.insert(tokens.end(), guess.begin(),
                    guess.begin() + static_cast<std::ptrdiff_t>(n_rows - 1));
    else if (n_rows > 1)
      session_.lookup_.watch(std::move(guess));
    return tokens;
  }

  /// Whether `n_rows` positions get the same bits at once as one by one. Tried the first time on
  /// the answer's last ones, in another sequence: keys and values of each of them reach the last
  /// one's logits, which are at hand from before. The trial also tells whether it is fast enough.
  bool rows_are_equal(std::size_t n_rows, int last_row) {
    BatchEquality& equality = session_.batch_equality_;
    if (equality.is_equal(n_rows)) return true;
    if (!session_.lookup_.promising() || confirmed_ < begin_ + n_rows ||
        confirmed_ + n_rows > static_cast<std::size_t>(session_.n_ctx_))
      return false;
    const std::span<const float> logits = session_.logits(last_row);
    const std::vector<float> one_by_one(logits.begin(), logits.end());
    const Clock::time_point start = Clock::now();
    const std::span<const float> at_once = session_.evaluate_aside(n_rows);
    const bool pays = session_.lookup_.may_pay(n_rows, milliseconds_since(start));
    const bool equal = !at_once.empty() &&
                       std::memcmp(at_once.data(), one_by_one.data(), at_once.size_bytes()) == 0;
    equality.record_trial(n_rows, equal && pays);
    return equal && pays;
  }

  /// The first of `tokens` is part of the answer, the others are guesses.
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

  ChatSession& session_;
  const GenerateOptions& options_;
  TokenSampler sampler_;
  std::size_t begin_;          // of the answer
  std::size_t confirmed_;      // positions of the cache that belong to the conversation
  std::size_t n_guessed_ = 0;  // in the last evaluation
  std::size_t n_right_ = 0;    // of them, so far
  double evaluation_ms_ = 0;   // 0: the prompt's
  int n_guessed_in_all_ = 0;
  int n_right_in_all_ = 0;
};

Answer ChatSession::generate(const GenerateOptions& options, const OnText& on_text) {
  const std::uint32_t seed = choose_seed(options);
  Decoder decoder(*this, options, seed);
  Answer answer = generate_answer(decoder, *model_,
                                  {conversation_.format().stop, static_cast<std::size_t>(n_ctx_)},
                                  options, on_text);
  decoder.finish();
  answer.seed = seed;
  answer.timings.guessed_tokens = decoder.n_guessed_in_all();
  answer.timings.accepted_tokens = decoder.n_right_in_all();
  return answer;
}

}  // namespace pandagpt
