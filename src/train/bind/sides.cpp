#include "train/bind/sides.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kEvaluationBatch = 64;  // rows at a time; no gradients, so memory is small
constexpr std::size_t kEvaluationItems = 64;   // whose views are in memory at a time
// What keys of different draws are mixed with.
constexpr std::uint64_t kNoiseKey = 0x6E6F697365;
constexpr std::uint64_t kPartnerKey = 0x706172746E;

Tensor of_length_one(const Tensor& x) {
  return torch::nn::functional::normalize(x, torch::nn::functional::NormalizeFuncOptions().dim(1));
}

/// All rows through the encoder (nullptr: as they are), brought to length 1.
Tensor embed_rows(const TrainableEncoder* encoder, const Tensor& values) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> parts;
  for (std::int64_t begin = 0; begin < values.size(0); begin += kEvaluationBatch) {
    const Tensor part = values.narrow(0, begin, std::min(kEvaluationBatch, values.size(0) - begin));
    parts.push_back(of_length_one(encoder == nullptr ? part : encoder->forward({part, {}})));
  }
  return torch::cat(parts);
}

/// One of each item's rows [first[i], first[i + 1]).
Tensor draw_rows(std::span<const std::int64_t> items, const std::vector<std::int64_t>& first,
                 std::uint64_t key) {
  std::vector<std::int64_t> chosen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto count = static_cast<std::uint64_t>(first[items[i] + 1] - first[items[i]]);
    chosen.push_back(first[items[i]] + static_cast<std::int64_t>(mix(key, i) % count));
  }
  return torch::tensor(chosen);
}

/// Rows of each item, and whose they are: the first `counts[item]` of them, or all if it is empty.
std::pair<Tensor, std::vector<std::int64_t>> rows_of(std::span<const std::int64_t> items,
                                                     const std::vector<std::int64_t>& first,
                                                     const std::vector<std::int64_t>& counts) {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> owner;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::int64_t item = items[i];
    const std::int64_t end = counts.empty() ? first[item + 1] : first[item] + counts[item];
    for (std::int64_t row = first[item]; row < end; ++row) {
      rows.push_back(row);
      owner.push_back(static_cast<std::int64_t>(i));
    }
  }
  return {torch::tensor(rows), owner};
}

/// The mean of each item's rows, which lie one after the other.
ItemRows means_of(const Tensor& rows, const std::vector<std::int64_t>& counts) {
  std::vector<Tensor> means;
  for (const Tensor& some : rows.split_with_sizes(counts))
    means.push_back(some.mean(0));
  ItemRows result{torch::stack(means), std::vector<std::int64_t>(counts.size())};
  std::iota(result.owner.begin(), result.owner.end(), 0);
  return result;
}

EncoderBatch with_noise(Tensor values, const TrainableEncoder* encoder, const NoiseOptions& options,
                        std::uint64_t key) {
  if (encoder == nullptr) return {std::move(values), {}};
  Random random(mix(key, kNoiseKey));
  Noise noise = encoder->draw_noise(values.size(0), options, random);
  return {std::move(values), std::move(noise)};
}

}  // namespace

// --- RowsSide ----------------------------------------------------------------------------------

RowsSide::RowsSide(Tensor rows, std::vector<std::int64_t> first, std::vector<std::int64_t> measured,
                   std::unique_ptr<TrainableEncoder> head, const AugmentOptions& options)
    : rows_(std::move(rows)),
      first_(std::move(first)),
      measured_(std::move(measured)),
      head_(std::move(head)),
      options_(options) {}

EncoderBatch RowsSide::batch(std::span<const std::int64_t> items, std::uint64_t key) const {
  return with_noise(rows_.index_select(0, draw_rows(items, first_, key)), head_.get(),
                    options_.noise, key);
}

ItemRows RowsSide::embed_items(std::span<const std::int64_t> items) const {
  const auto [chosen, owner] = rows_of(items, first_, measured_);
  const Tensor embeddings = embed_rows(head_.get(), rows_.index_select(0, chosen));
  if (measured_.empty()) return {embeddings, owner};
  std::vector<std::int64_t> counts;
  for (const std::int64_t item : items)
    counts.push_back(measured_[item]);
  return means_of(embeddings, counts);
}

// --- SampleSide --------------------------------------------------------------------------------

SampleSide::SampleSide(std::unique_ptr<TowerModule> tower, std::unique_ptr<ItemCache> samples,
                       std::unique_ptr<ItemCache> views, MediaTransforms transforms,
                       const AugmentOptions& options)
    : tower_(std::move(tower)),
      samples_(std::move(samples)),
      views_(std::move(views)),
      transforms_(std::move(transforms)),
      options_(options) {}

EncoderBatch SampleSide::batch(std::span<const std::int64_t> items, std::uint64_t key) const {
  const auto n = static_cast<std::int64_t>(items.size());
  std::vector<std::vector<float>> views(items.size());
  at::parallel_for(0, n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Random random(mix(key, static_cast<std::uint64_t>(i)));
      views[i] = training_view(unpack(samples_->get(items[i])), tower_->tower(), transforms_,
                               options_.strength, random);
    }
  });
  const auto length = static_cast<std::int64_t>(views.front().size());
  Tensor values = torch::empty({n, length});
  for (std::int64_t i = 0; i < n; ++i)
    std::copy(views[i].begin(), views[i].end(), values.data_ptr<float>() + i * length);
  return with_noise(std::move(values), tower_.get(), options_.noise, key);
}

ItemRows SampleSide::embed_items(std::span<const std::int64_t> items) const {
  const StemConfig& stem = tower_->config().stem;
  const std::int64_t length = tower_->tower() == TowerKind::kVision
                                  ? stem.input_length() / stem.input.frames
                                  : stem.input_length();
  std::vector<Tensor> rows;
  std::vector<std::int64_t> counts;
  for (std::size_t begin = 0; begin < items.size(); begin += kEvaluationItems) {
    const auto some = items.subspan(begin, std::min(kEvaluationItems, items.size() - begin));
    std::vector<Tensor> views;
    for (const std::int64_t item : some) {
      const Bytes record = views_->get(item);
      Tensor values = torch::empty({static_cast<std::int64_t>(record.size() / sizeof(float))});
      std::memcpy(values.data_ptr<float>(), record.data(), record.size());
      views.push_back(values.view({-1, length}));
      counts.push_back(views.back().size(0));
    }
    rows.push_back(embed_rows(tower_.get(), torch::cat(views)));
  }
  return means_of(torch::cat(rows), counts);
}

// --- TextSide ----------------------------------------------------------------------------------

TextSide::TextSide(std::unique_ptr<TowerModule> tower, const std::vector<TextItem>& texts,
                   const BpeTokenizer& tokenizer, const AugmentOptions& options)
    : tower_(std::move(tower)), first_{0}, options_(options) {
  std::vector<std::int64_t> tokens;
  for (const TextItem& item : texts) {
    for (const std::string& text : item)
      std::ranges::copy(tokenizer.context(text), std::back_inserter(tokens));
    first_.push_back(first_.back() + static_cast<std::int64_t>(item.size()));
  }
  tokens_ = torch::tensor(tokens).view({first_.back(), tokenizer.context_length()});
}

EncoderBatch TextSide::batch(std::span<const std::int64_t> items, std::uint64_t key) const {
  return with_noise(tokens_.index_select(0, draw_rows(items, first_, key)), tower_.get(),
                    options_.noise, key);
}

ItemRows TextSide::embed_items(std::span<const std::int64_t> items) const {
  const auto [chosen, owner] = rows_of(items, first_, {});
  return {embed_rows(tower_.get(), tokens_.index_select(0, chosen)), owner};
}

// --- Mixing ------------------------------------------------------------------------------------

namespace {

/// Gamma(alpha, 1) by Marsaglia and Tsang (doi:10.1145/358407.358414).
double gamma(double alpha, Random& random) {
  if (alpha < 1) return gamma(alpha + 1, random) * std::pow(uniform(random, 0, 1), 1 / alpha);
  const double d = alpha - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal(random);
    const double v = std::pow(1 + c * x, 3);
    const double u = 1 - uniform(random, 0, 1);
    if (v > 0 && std::log(u) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

Mixed mix_batch(EncoderBatch& batch, TowerKind tower, double alpha, std::uint64_t key) {
  const std::int64_t n = batch.size();
  Random random(mix(key, kPartnerKey));
  Mixed mixed;
  mixed.partner.resize(static_cast<std::size_t>(n));
  std::iota(mixed.partner.begin(), mixed.partner.end(), 0);
  for (std::int64_t i = n - 1; i > 0; --i)
    std::swap(mixed.partner[i], mixed.partner[below(random, i + 1)]);
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = gamma(alpha, random);
    const double b = gamma(alpha, random);
    const double share = a + b > 0 ? a / (a + b) : 1.0;
    mixed.share.push_back(static_cast<float>(std::max(share, 1 - share)));
  }
  const Tensor values = torch::empty_like(batch.values);
  const auto length = static_cast<std::size_t>(values.size(1));
  const float* from = batch.values.data_ptr<float>();
  at::parallel_for(0, n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto row =
          mixed_view({from + i * length, length}, {from + mixed.partner[i] * length, length},
                     mixed.share[i], tower);
      std::copy(row.begin(), row.end(), values.data_ptr<float>() + i * length);
    }
  });
  batch.values = values;
  return mixed;
}

}  // namespace pandagpt::train
