#include "llm/beam_search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "llm/token_sampler.h"

namespace pandagpt {
namespace {

/// e^x for x <= 0, to 2e-7 of it, in a form that compilers vectorise: a step of a search takes it
/// of every score of every beam.
float exp_below_one(float x) {
  constexpr float kLeast = -87;         // what is less is nothing in a float
  constexpr float kRound = 12'582'912;  // 1.5 * 2^23: adding it rounds to a whole number
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr int kBias = 127, kMantissaBits = 23;
  x = x < kLeast ? kLeast : x;
  const float power = (x * kLog2E + kRound) - kRound;
  const float rest = (x - power * kLn2High) - power * kLn2Low;
  float sum = 1.0F / 720;  // Taylor's
  for (const float factor : {1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F})
    sum = sum * rest + factor;
  const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(power) + kBias);
  return sum * std::bit_cast<float>(exponent << kMantissaBits);
}

double log_sum_exp(std::span<const float> scores) {
  constexpr std::size_t kLanes = 16;
  const float largest = *std::ranges::max_element(scores);
  std::array<double, kLanes> sums{};
  std::size_t at = 0;
  for (; at + kLanes <= scores.size(); at += kLanes)
    for (std::size_t i = 0; i < kLanes; ++i)
      sums[i] += exp_below_one(scores[at + i] - largest);
  for (; at < scores.size(); ++at)
    sums[0] += exp_below_one(scores[at] - largest);
  return largest + std::log(std::accumulate(sums.begin(), sums.end(), 0.0));
}

}  // namespace

double BeamSearch::Beam::mean() const {
  return log_probability / std::max<double>(1.0, static_cast<double>(tokens.size()));
}

bool BeamSearch::likelier(const Candidate& a, const Candidate& b) {
  if (a.log_probability != b.log_probability) return a.log_probability > b.log_probability;
  return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;  // the same on every machine
}

BeamSearch::BeamSearch(const LlmModel& model, BeamOptions options, llama_seq_id prompt,
                       std::size_t n_positions, std::vector<llama_seq_id> sequences)
    : model_(model),
      options_(std::move(options)),
      prompt_(prompt),
      n_positions_(n_positions),
      sequences_(std::move(sequences)) {}

void BeamSearch::begin(std::span<const float> scores) {
  beams_ = {Beam{}};
  extend({scores});
  look_at_limits();
}

void BeamSearch::take(const std::vector<std::span<const float>>& rows) {
  n_evaluated_ += rows.size();
  ++n_positions_;
  extend(rows);
  look_at_limits();
}

void BeamSearch::look_at_limits() {
  ++n_steps_;
  done_ = is_decided();
  if (done_) return;
  out_of_context_ = n_evaluated_ + beams_.size() > options_.n_free;
  done_ = out_of_context_ || n_steps_ == options_.max_tokens;
}

/// Replaces the beams by their likeliest continuations; those that end an answer are finished.
void BeamSearch::extend(const std::vector<std::span<const float>>& rows) {
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < beams_.size(); ++i)
    add_candidates(static_cast<int>(i), rows[i], candidates);
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
    const bool stopped = std::ranges::any_of(options_.stops, [&](const std::string& stop) {
      return beam.text.find(stop) != std::string::npos;
    });
    if (ended || stopped) {
      // an end that only comes after n_beams better continuations is not one of the beams
      if (rank < static_cast<std::size_t>(options_.n_beams)) finish(std::move(beam), ended);
    } else {
      next.push_back(std::move(beam));
      parents_.push_back(static_cast<std::size_t>(candidate.beam));
      if (next.size() == static_cast<std::size_t>(options_.n_beams)) break;
    }
  }
  beams_ = std::move(next);
}

void BeamSearch::add_candidates(int beam, std::span<const float> scores,
                                std::vector<Candidate>& candidates) const {
  const double base = beams_[static_cast<std::size_t>(beam)].log_probability - log_sum_exp(scores);
  // twice as many as beams, so that enough remain when half of them end
  const std::size_t n_kept =
      std::min(2 * static_cast<std::size_t>(options_.n_beams), scores.size());
  std::vector<llama_token_data> best;
  pick_best(scores, n_kept, best);
  for (const llama_token_data& one : best)
    candidates.push_back({beam, one.id, base + one.logit});
}

void BeamSearch::finish(Beam beam, bool by_end_token) {
  const double mean = beam.mean();
  if (by_end_token) beam.tokens.pop_back();
  finished_.push_back({mean, std::move(beam.tokens)});
  std::stable_sort(finished_.begin(), finished_.end(),
                   [](const Finished& a, const Finished& b) { return a.mean > b.mean; });
  if (finished_.size() > static_cast<std::size_t>(options_.n_beams)) finished_.pop_back();
}

bool BeamSearch::is_decided() const {
  if (beams_.empty()) return true;
  if (finished_.size() < static_cast<std::size_t>(options_.n_beams)) return false;
  return finished_.back().mean >= beams_.front().mean();
}

void BeamSearch::add(llama_memory_t memory, TokenBatch& batch) {
  const auto n_beams = static_cast<std::size_t>(options_.n_beams);
  const bool is_first = n_evaluated_ == 0;
  const auto bank = std::span(sequences_).subspan(n_steps_ % 2 == 0 ? 0 : n_beams, n_beams);
  const auto previous = std::span(sequences_).subspan(n_steps_ % 2 == 0 ? n_beams : 0, n_beams);
  for (std::size_t i = 0; i < beams_.size(); ++i)
    llama_memory_seq_cp(memory, is_first ? prompt_ : previous[parents_[i]], bank[i], -1, -1);
  for (const llama_seq_id sequence : previous)
    llama_memory_seq_rm(memory, sequence, -1, -1);
  for (std::size_t i = 0; i < beams_.size(); ++i)
    batch.add(beams_[i].tokens.back(), static_cast<llama_pos>(n_positions_), bank[i],
              /*has_logits=*/true);
}

void BeamSearch::end(llama_memory_t memory) const {
  for (const llama_seq_id sequence : sequences_)
    llama_memory_seq_rm(memory, sequence, -1, -1);
}

BeamResult BeamSearch::result() const {
  BeamResult best;
  best.mean_log_probability = -std::numeric_limits<double>::infinity();
  if (!finished_.empty()) {
    best.tokens = finished_.front().tokens;
    best.mean_log_probability = finished_.front().mean;
    best.complete = true;
  }
  // beams that a limit cut short compete with the finished ones, as in Hugging Face
  if (!is_decided() && beams_.front().mean() > best.mean_log_probability) {
    best.tokens = beams_.front().tokens;
    best.mean_log_probability = beams_.front().mean();
    best.complete = false;
    best.out_of_context = out_of_context_;
  }
  return best;
}

}  // namespace pandagpt
