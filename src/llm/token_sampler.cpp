#include "llm/token_sampler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>

namespace pandagpt {
namespace {

/// Whether the best token alone has the probability `top_p`: with the reference's small nucleus it
/// nearly always has, and the samplers below take longer than a token of a small model. Scores far
/// below the best one are counted as if they were just at that distance, so that few exponentials
/// are needed; what is unclear then is left to the samplers.
bool is_nucleus(std::span<const float> logits, float best, float top_p) {
  constexpr float kFar = 12;
  double sum = 0;
  std::size_t n_far = 0;
  for (const float logit : logits) {
    if (logit > best - kFar)
      sum += std::exp(logit - best);
    else
      ++n_far;
  }
  sum += static_cast<double>(n_far) * std::exp(-kFar);
  return 1 / sum >= top_p;
}

/// Larger sets are cut out by llama.cpp's sampler, for which a heap would be too slow.
constexpr int kMaxPicked = 256;
/// Scores that are compared before a look at any of them.
constexpr std::size_t kScanned = 64;

bool is_better(const llama_token_data& a, const llama_token_data& b) {
  return a.logit > b.logit;
}

}  // namespace

/// Hardly any block of a large vocabulary has a score that is good enough, and that is found out
/// without a branch for each one.
void pick_best(std::span<const float> logits, std::size_t count,
               std::vector<llama_token_data>& picked) {
  picked.clear();
  for (std::size_t i = 0; i < count; ++i)
    picked.push_back({static_cast<llama_token>(i), logits[i], 0.0F});
  std::ranges::make_heap(picked, is_better);  // the worst in front
  for (std::size_t first = count; first < logits.size(); first += kScanned) {
    const std::size_t end = std::min(first + kScanned, logits.size());
    const float worst = picked.front().logit;
    int n_better = 0;
    for (std::size_t i = first; i < end; ++i)
      n_better += logits[i] > worst ? 1 : 0;
    for (std::size_t i = first; n_better > 0 && i < end; ++i) {
      if (!(logits[i] > picked.front().logit)) continue;
      std::ranges::pop_heap(picked, is_better);
      picked.back() = {static_cast<llama_token>(i), logits[i], 0.0F};
      std::ranges::push_heap(picked, is_better);
    }
  }
  std::ranges::sort_heap(picked, is_better);
}

std::uint32_t choose_seed(const GenerateOptions& options) {
  if (options.seed) return *options.seed;
  const std::uint32_t seed = std::random_device{}();
  return seed == LLAMA_DEFAULT_SEED ? 0 : seed;  // llama.cpp's mark for "draw one yourself"
}

std::int32_t best_token(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
}

TokenSampler::TokenSampler(const GenerateOptions& options, int n_vocab, std::uint32_t seed)
    : seed_(seed),
      greedy_(options.greedy || options.temperature == 0),
      has_penalties_(!greedy_ && options.has_penalties()),
      top_p_(options.top_p),
      top_k_(options.top_k),
      chain_(llama_sampler_chain_init(llama_sampler_chain_default_params())) {
  if (greedy_) return;
  const auto add = [&](llama_sampler* sampler) { llama_sampler_chain_add(chain_.get(), sampler); };
  if (has_penalties_)
    add(llama_sampler_init_penalties(n_vocab, options.repeat_last_n, options.repeat_penalty,
                                     options.frequency_penalty, options.presence_penalty));
  if (options.top_k > 0) add(llama_sampler_init_top_k(options.top_k));
  if (options.top_p < 1) add(llama_sampler_init_top_p(options.top_p, /*min_keep=*/1));
  if (options.min_p > 0) add(llama_sampler_init_min_p(options.min_p, /*min_keep=*/1));
  add(llama_sampler_init_temp(options.temperature));
  add(llama_sampler_init_dist(seed));
}

std::int32_t TokenSampler::sample(std::span<const float> logits) {
  if (greedy_) return best_token(logits);
  const auto top_k = static_cast<std::size_t>(top_k_);
  // Penalties change the order, hence come before any cut.
  const bool picks = !has_penalties_ && top_k_ > 0 && top_k_ <= kMaxPicked && top_k < logits.size();
  if (picks) {
    pick_best(logits, top_k, candidates_);
    return draw(/*sorted=*/true);
  }
  if (!has_penalties_ && top_p_ < 1) {
    const std::int32_t best = best_token(logits);
    if (is_nucleus(logits, logits[static_cast<std::size_t>(best)], top_p_)) return best;
  }
  candidates_.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i)
    candidates_[i] = {static_cast<llama_token>(i), logits[i], 0.0F};
  return draw(/*sorted=*/false);
}

std::int32_t TokenSampler::draw(bool sorted) {
  llama_token_data_array all{candidates_.data(), candidates_.size(), /*selected=*/-1, sorted};
  llama_sampler_apply(chain_.get(), &all);
  const llama_token token = all.data[all.selected].id;
  llama_sampler_accept(chain_.get(), token);
  return token;
}

}  // namespace pandagpt
