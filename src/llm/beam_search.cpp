#include "llm/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "llm/token_batch.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

struct Beam {
  std::vector<std::int32_t> tokens;
  std::string text;
  double log_probability = 0;

  double mean() const {
    return log_probability / std::max<double>(1.0, static_cast<double>(tokens.size()));
  }
};

struct Candidate {
  int beam = 0;
  std::int32_t token = 0;
  double log_probability = 0;  // of the whole answer
};

bool likelier(const Candidate& a, const Candidate& b) {
  if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
  return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;  // the same on every machine
}

double log_sum_exp(const float* logits, int n_vocab) {
  const float largest = *std::max_element(logits, logits + n_vocab);
  double sum = 0;
  for (int i = 0; i < n_vocab; ++i)
    sum += std::exp(double{logits[i]} - largest);
  return largest + std::log(sum);
}

class Search {
 public:
  Search(llama_context* context, const LlmModel& model, llama_pos position,
         const BeamOptions& options)
      : context_(context), model_(model), position_(position), options_(options) {}
  ~Search() {
    for (int i = 0; i < beam_sequences(options_.n_beams); ++i)
      drop(kFirstBeamSequence + i);
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  BeamResult run(const std::vector<float>& first_logits) {
    beams_ = {Beam{}};
    extend({first_logits.data()});
    bool out_of_context = false;
    int n_steps = 1;
    while (!done()) {
      out_of_context = n_evaluated_ + static_cast<int>(beams_.size()) > options_.n_free;
      if (n_steps == options_.max_tokens || out_of_context) break;
      extend(evaluate());
      ++n_steps;
    }
    return result(out_of_context);
  }

 private:
  /// Replaces the beams by their likeliest continuations; those that end an answer are finished.
  void extend(const std::vector<const float*>& logits) {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < beams_.size(); ++i)
      add_candidates(static_cast<int>(i), logits[i], candidates);
    std::sort(candidates.begin(), candidates.end(), likelier);

    std::vector<Beam> next;
    parents_.clear();
    for (std::size_t rank = 0; rank < candidates.size(); ++rank) {
      const Candidate& candidate = candidates[rank];
      Beam beam = beams_[static_cast<std::size_t>(candidate.beam)];
      beam.log_probability = candidate.log_probability;
      const bool ended = model_.is_end_of_generation(candidate.token);
      if (!ended) beam.text += model_.token_to_piece(candidate.token);
      beam.tokens.push_back(candidate.token);
      if (ended || beam.text.find(options_.stop) != std::string::npos) {
        // an end that only comes after n_beams better continuations is not one of the beams
        if (rank < static_cast<std::size_t>(options_.n_beams)) finish(std::move(beam), ended);
      } else {
        next.push_back(std::move(beam));
        parents_.push_back(candidate.beam);
        if (next.size() == static_cast<std::size_t>(options_.n_beams)) break;
      }
    }
    beams_ = std::move(next);
  }

  void add_candidates(int beam, const float* logits, std::vector<Candidate>& candidates) const {
    const int n_vocab = model_.n_vocab();
    const double base =
        beams_[static_cast<std::size_t>(beam)].log_probability - log_sum_exp(logits, n_vocab);
    std::vector<std::int32_t> order(static_cast<std::size_t>(n_vocab));
    std::iota(order.begin(), order.end(), 0);
    // twice as many as beams, so that enough remain when half of them end
    const auto n_kept = std::min<std::ptrdiff_t>(2 * options_.n_beams, n_vocab);
    std::partial_sort(order.begin(), order.begin() + n_kept, order.end(),
                      [&](std::int32_t a, std::int32_t b) {
                        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                      });
    for (std::ptrdiff_t i = 0; i < n_kept; ++i)
      candidates.push_back({beam, order[static_cast<std::size_t>(i)],
                            base + logits[order[static_cast<std::size_t>(i)]]});
  }

  void finish(Beam beam, bool by_end_token) {
    const double mean = beam.mean();
    if (by_end_token) beam.tokens.pop_back();
    finished_.push_back({mean, std::move(beam.tokens)});
    std::stable_sort(finished_.begin(), finished_.end(),
                     [](const Finished& a, const Finished& b) { return a.mean > b.mean; });
    if (finished_.size() > static_cast<std::size_t>(options_.n_beams)) finished_.pop_back();
  }

  bool done() const {
    if (beams_.empty()) return true;
    if (finished_.size() < static_cast<std::size_t>(options_.n_beams)) return false;
    return finished_.back().mean >= beams_.front().mean();
  }

  /// Evaluates the last token of every beam; returns one row of logits a beam.
  std::vector<const float*> evaluate() {
    const auto n = static_cast<std::int32_t>(beams_.size());
    const llama_seq_id bank = kFirstBeamSequence + (bank_ == 0 ? options_.n_beams : 0);
    const llama_seq_id previous = kFirstBeamSequence + (bank_ == 0 ? 0 : options_.n_beams);
    llama_memory_t memory = llama_get_memory(context_);
    for (std::int32_t i = 0; i < n; ++i)
      llama_memory_seq_cp(memory, first_ ? 0 : previous + parents_[static_cast<std::size_t>(i)],
                          bank + i, -1, -1);
    for (int i = 0; i < options_.n_beams; ++i)
      drop(previous + i);
    bank_ = 1 - bank_;
    first_ = false;
    decode(bank);
    n_evaluated_ += n;
    ++position_;
    std::vector<const float*> rows;
    for (std::int32_t i = 0; i < n; ++i)
      rows.push_back(llama_get_logits_ith(context_, i));
    return rows;
  }

  void decode(llama_seq_id bank) {
    batch_.clear();
    for (std::size_t i = 0; i < beams_.size(); ++i)
      batch_.add(beams_[i].tokens.back(), position_, bank + static_cast<llama_seq_id>(i),
                 /*has_logits=*/true);
    if (const std::int32_t status = batch_.decode(context_); status != 0)
      throw Error(ErrorKind::kInternal,
                  "the language model failed on " + std::to_string(batch_.size()) +
                      " beams (llama_decode returned " + std::to_string(status) + ")");
  }

  void drop(llama_seq_id sequence) {
    llama_memory_seq_rm(llama_get_memory(context_), sequence, -1, -1);
  }

  BeamResult result(bool out_of_context) const {
    BeamResult best;
    best.n_evaluated = n_evaluated_;
    best.mean_log_probability = -std::numeric_limits<double>::infinity();
    if (!finished_.empty()) {
      best.tokens = finished_.front().tokens;
      best.mean_log_probability = finished_.front().mean;
      best.complete = true;
    }
    // beams that a limit cut short compete with the finished ones, as in Hugging Face
    if (!done() && !beams_.empty() && beams_.front().mean() > best.mean_log_probability) {
      best.tokens = beams_.front().tokens;
      best.mean_log_probability = beams_.front().mean();
      best.complete = false;
      best.out_of_context = out_of_context;
    }
    return best;
  }

  struct Finished {
    double mean;
    std::vector<std::int32_t> tokens;
  };

  llama_context* context_;
  const LlmModel& model_;
  llama_pos position_;
  const BeamOptions& options_;
  std::vector<Beam> beams_;            // likeliest first
  std::vector<std::int32_t> parents_;  // of each beam among those of the step before
  std::vector<Finished> finished_;     // best first
  int bank_ = 0;
  bool first_ = true;
  int n_evaluated_ = 0;
  TokenBatch batch_;
};

}  // namespace

BeamResult beam_search(llama_context* context, const LlmModel& model,
                       const std::vector<float>& logits, llama_pos position,
                       const BeamOptions& options) {
  return Search(context, model, position, options).run(logits);
}

}  // namespace pandagpt
