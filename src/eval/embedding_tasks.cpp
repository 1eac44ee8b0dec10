// Tasks that compare embeddings: retrieval and zero-shot classification.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <map>
#include <set>

#include "embed/pairs.h"
#include "embed/zero_shot.h"
#include "eval/eval_task.h"
#include "eval/retrieval.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kAimedRank = 10;  // an aim of a retrieval is for R@10 from the second sense
constexpr std::size_t kTopK = 5;
constexpr std::size_t kTopKFrom = 10;  // classes above which top-5 says something

std::size_t index(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

// --- Retrieval -----------------------------------------------------------------------------------

class RetrievalTask : public EvalTask {
 public:
  RetrievalTask(const EvalEntry& entry, const EvalSettings& settings)
      : EvalTask(entry, settings), list_(PairReader(inputs_, {}).read(entry.list)) {
    require_files(inputs_.media, entry.list);
    choose_items();
    add_candidates();
  }

  bool answers() const override { return false; }

  std::string obstacle(EvalModels& models) const override {
    const std::string first = missing_tower(models.embedder(), list_.a);
    return first.empty() ? missing_tower(models.embedder(), list_.b) : first;
  }

  void run(EvalModels& models, TaskReport& report) const override {
    const Embedder& embedder = models.embedder();
    const auto width = static_cast<std::size_t>(embedder.width());
    const std::vector<float> first = embed_items(embedder, first_);
    const std::vector<float> second = list_.b == TowerKind::kText ? embed_texts(embedder, texts_)
                                                                  : embed_items(embedder, second_);
    const std::string a = sense_name(list_.a), b = sense_name(list_.b);
    report.setting =
        fmt::format("{} of {}, {} of {}", from_first_.size(), a, from_second_.size(), b);
    const std::vector<float> similarity = similarities(first, second, width);
    add_figures(a + " -> " + b, similarity, from_first_, std::nullopt, report);
    add_figures(b + " -> " + a, transposed(similarity, from_second_.size()), from_second_,
                entry().aim, report);
  }

 private:
  /// The distinct first inputs that take part, spread over the list.
  void choose_items() {
    std::vector<std::int64_t> all;
    std::set<std::int64_t> seen;
    for (const Pair& pair : list_.pairs)
      if (seen.insert(pair.a).second) all.push_back(pair.a);
    for (const std::int64_t item : spread(std::move(all), settings().limit)) {
      place_of_first_.emplace(item, first_.size());
      first_.push_back(inputs_.media[index(item)]);
    }
    from_first_.resize(first_.size());
    for (std::size_t i = 0; i < first_.size(); ++i)
      from_first_[i].item = i;
  }

  /// The second inputs of these: an input, or each of a text's alternatives.
  void add_candidates() {
    std::map<std::int64_t, std::vector<std::size_t>> rows_of;  // by Pair::b
    for (const Pair& pair : list_.pairs) {
      const auto item = place_of_first_.find(pair.a);
      if (item == place_of_first_.end()) continue;
      const auto [rows, is_new] = rows_of.try_emplace(pair.b);
      if (is_new) rows->second = add_second(pair.b, item->second);
      for (const std::size_t row : rows->second) {
        from_first_[item->second].right.push_back(row);
        from_second_[row].right.push_back(item->second);
      }
    }
  }

  std::vector<std::size_t> add_second(std::int64_t b, std::size_t item) {
    std::vector<std::size_t> rows;
    const std::size_t n_rows =
        list_.b == TowerKind::kText ? inputs_.texts[index(b)].size() : std::size_t{1};
    for (std::size_t i = 0; i < n_rows; ++i) {
      rows.push_back(from_second_.size());
      from_second_.push_back({.item = item});
      if (list_.b == TowerKind::kText) {
        texts_.push_back(inputs_.texts[index(b)][i]);
      } else {
        second_.push_back(inputs_.media[index(b)]);
      }
    }
    return rows;
  }

  void add_figures(const std::string& direction, std::span<const float> similarity,
                   std::span<const RetrievalQuery> queries, std::optional<double> aim,
                   TaskReport& report) const {
    const std::vector<std::size_t> ranks = right_ranks(similarity, queries);
    for (const Recall& recall : recalls(ranks, queries, settings().rounds, settings().seed))
      report.figures.push_back({.name = fmt::format("{} R@{}", direction, recall.k),
                                .value = recall.value,
                                .interval = recall.interval,
                                .n = static_cast<std::int64_t>(queries.size()),
                                .aim = recall.k == kAimedRank ? aim : std::nullopt});
  }

  InputTable inputs_;
  PairList list_;
  std::map<std::int64_t, std::size_t> place_of_first_;
  std::vector<MediaItem> first_;
  std::vector<MediaItem> second_;   // unless it is text
  std::vector<std::string> texts_;  // if it is
  std::vector<RetrievalQuery> from_first_;
  std::vector<RetrievalQuery> from_second_;
};

// --- Zero-shot classification --------------------------------------------------------------------

class ZeroShotTask : public EvalTask {
 public:
  ZeroShotTask(const EvalEntry& entry, const EvalSettings& settings)
      : EvalTask(entry, settings), list_(read_labelled_list(entry.list, inputs_)) {
    require_files(inputs_.media, entry.list);
    labels_ = entry.labels.empty() ? list_.labels : entry.labels;
    for (const std::string& label : list_.labels) {
      place_of_label_.push_back(index(std::ranges::find(labels_, label) - labels_.begin()));
      if (place_of_label_.back() == labels_.size())
        throw Error(ErrorKind::kInput,
                    fmt::format("{}: the label \"{}\" is missing in \"labels\" of {}",
                                entry.list.string(), label, entry.name));
    }
    list_.pairs = spread(std::move(list_.pairs), settings.limit);
  }

  bool answers() const override { return false; }

  std::string obstacle(EvalModels& models) const override {
    const std::string own = missing_tower(models.embedder(), list_.a);
    return own.empty() ? missing_tower(models.embedder(), TowerKind::kText) : own;
  }

  void run(EvalModels& models, TaskReport& report) const override {
    const Embedder& embedder = models.embedder();
    const auto width = static_cast<std::size_t>(embedder.width());
    const ZeroShotClassifier classifier(embedder, labels_, entry().templates);
    std::vector<MediaItem> items;
    for (const Pair& pair : list_.pairs)
      items.push_back(inputs_.media[index(pair.a)]);
    UnreadableItems unreadable(items.size());
    const std::vector<float> rows = embed_items(embedder, items, &unreadable);
    report.unreadable = unreadable.reasons();

    report.confusion.emplace(labels_);
    std::int64_t n_among_first = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (unreadable.has(i)) continue;
      const std::size_t right = place_of_label_[index(list_.pairs[i].label)];
      const std::vector<LabelScore> scores =
          classifier.classify(std::span(rows).subspan(i * width, width));
      report.confusion->add(right, scores.front().label);
      const auto first = std::span(scores).first(std::min(kTopK, scores.size()));
      n_among_first += std::ranges::count(first, right, &LabelScore::label);
    }
    report.setting = fmt::format("{} classes, {} templates", labels_.size(),
                                 std::max<std::size_t>(1, entry().templates.size()));
    add_figures(n_among_first, report);
  }

 private:
  void add_figures(std::int64_t n_among_first, TaskReport& report) const {
    const Confusion& confusion = *report.confusion;
    const double chance = 1.0 / static_cast<double>(labels_.size());
    Figure top = share_figure("top-1", confusion.n_right(), confusion.n_total());
    top.chance = chance;
    top.aim = entry().aim;
    report.figures.push_back(std::move(top));
    if (labels_.size() > kTopKFrom) {
      Figure among = share_figure("top-5", n_among_first, confusion.n_total());
      among.chance = static_cast<double>(kTopK) * chance;
      report.figures.push_back(std::move(among));
    }
    report.figures.push_back({.name = "mean class recall",
                              .value = confusion.mean_recall(),
                              .n = confusion.n_total(),
                              .chance = chance});
  }

  InputTable inputs_;
  PairList list_;
  std::vector<std::string> labels_;
  std::vector<std::size_t> place_of_label_;  // index into labels_, by that of the list
};

}  // namespace

std::unique_ptr<EvalTask> make_embedding_task(const EvalEntry& entry,
                                              const EvalSettings& settings) {
  if (entry.kind == EvalKind::kRetrieval) return std::make_unique<RetrievalTask>(entry, settings);
  return std::make_unique<ZeroShotTask>(entry, settings);
}

}  // namespace pandagpt
