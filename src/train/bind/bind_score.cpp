#include "train/bind/bind_score.h"

#include <torch/torch.h>

#include <algorithm>

#include "train/bind/contrastive.h"

namespace pandagpt::train {
namespace {

using torch::Tensor;
using Indices = std::vector<std::int64_t>;

constexpr std::int64_t kRanks[] = {1, 5, 10};

/// Distinct values in order of appearance, and the place of each of `all` among them.
std::pair<Indices, Indices> distinct(const Indices& all) {
  Indices values;
  Indices places;
  std::map<std::int64_t, std::int64_t> known;
  for (const std::int64_t value : all) {
    const auto [found, is_new] = known.try_emplace(value, static_cast<std::int64_t>(values.size()));
    if (is_new) values.push_back(value);
    places.push_back(found->second);
  }
  return {values, places};
}

/// Mean direction of each item's rows, (n_items, J).
Tensor mean_directions(const ItemRows& rows, std::int64_t n_items) {
  const Tensor sums = torch::zeros({n_items, rows.rows.size(1)})
                          .index_add_(0, torch::tensor(rows.owner), rows.rows);
  return torch::nn::functional::normalize(sums,
                                          torch::nn::functional::NormalizeFuncOptions().dim(1));
}

double loss_of(const PairList& list, const Tensor& a, const Tensor& b, const Tensor& log_scale) {
  double sum = 0;
  const auto n = static_cast<std::int64_t>(list.pairs.size());
  for (std::int64_t begin = 0; begin < n; begin += kScoreBatch) {
    const std::int64_t count = std::min(kScoreBatch, n - begin);
    std::vector<PairIdentity> identities;
    for (std::int64_t i = begin; i < begin + count; ++i)
      identities.push_back(list.pairs[i].identity());
    sum += info_nce(a.narrow(0, begin, count), b.narrow(0, begin, count), log_scale,
                    pair_targets(identities))
               .loss.item<double>() *
           static_cast<double>(count);
  }
  return sum / static_cast<double>(n);
}

double label_accuracy(const PairList& list, const Tensor& a, const Side& texts) {
  const Tensor labels = mean_directions(texts.embed_items(list.label_texts),
                                        static_cast<std::int64_t>(list.labels.size()));
  const Tensor chosen = torch::mm(a, labels.t()).argmax(1);
  std::int64_t n_right = 0;
  for (std::size_t i = 0; i < list.pairs.size(); ++i)
    n_right += chosen[static_cast<std::int64_t>(i)].item<std::int64_t>() == list.pairs[i].label;
  return static_cast<double>(n_right) / static_cast<double>(list.pairs.size());
}

}  // namespace

double BindScore::quality() const {
  if (const auto accuracy = values.find("accuracy"); accuracy != values.end())
    return accuracy->second;
  double sum = 0;
  for (const auto& [name, value] : values)
    sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double recall_at(const Tensor& similarity, const std::vector<Indices>& right, std::int64_t k) {
  const Tensor best = std::get<1>(similarity.topk(std::min(k, similarity.size(1)), 1));
  const auto candidates = best.accessor<std::int64_t, 2>();
  std::int64_t n_found = 0;
  for (std::int64_t query = 0; query < best.size(0); ++query)
    for (std::int64_t rank = 0; rank < best.size(1); ++rank)
      if (std::ranges::find(right[query], candidates[query][rank]) != right[query].end()) {
        ++n_found;
        break;
      }
  return static_cast<double>(n_found) / static_cast<double>(best.size(0));
}

BindScore score(const PairList& list, const Side& a, const Side& b, const Tensor& log_scale) {
  const torch::NoGradGuard no_grad;
  Indices all_a;
  Indices all_b;
  for (const Pair& pair : list.pairs) {
    all_a.push_back(pair.a);
    all_b.push_back(pair.b);
  }
  const auto [items_a, place_a] = distinct(all_a);
  const auto [items_b, place_b] = distinct(all_b);
  const ItemRows rows_a = a.embed_items(items_a);  // one row an item
  const ItemRows rows_b = b.embed_items(items_b);
  const Tensor pairs_a = rows_a.rows.index_select(0, torch::tensor(place_a));
  const Tensor pairs_b = mean_directions(rows_b, static_cast<std::int64_t>(items_b.size()))
                             .index_select(0, torch::tensor(place_b));
  BindScore result{.loss = loss_of(list, pairs_a, pairs_b, log_scale)};
  if (list.has_labels()) {
    result.values["accuracy"] = label_accuracy(list, pairs_a, b);
    return result;
  }
  std::vector<Indices> rows_of_b(items_b.size());
  for (std::size_t row = 0; row < rows_b.owner.size(); ++row)
    rows_of_b[rows_b.owner[row]].push_back(static_cast<std::int64_t>(row));
  std::vector<Indices> right_b(items_a.size());
  std::vector<Indices> right_a(rows_b.owner.size());
  for (std::size_t i = 0; i < list.pairs.size(); ++i)
    for (const std::int64_t row : rows_of_b[place_b[i]]) {
      right_b[place_a[i]].push_back(row);
      right_a[row].push_back(place_a[i]);
    }
  const Tensor similarity = torch::mm(rows_a.rows, rows_b.rows.t());
  for (const std::int64_t k : kRanks) {
    result.values["recall_at_" + std::to_string(k)] = recall_at(similarity, right_b, k);
    result.values["reverse_recall_at_" + std::to_string(k)] =
        recall_at(similarity.t().contiguous(), right_a, k);
  }
  return result;
}

}  // namespace pandagpt::train
