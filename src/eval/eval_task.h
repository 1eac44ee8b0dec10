// One task of an evaluation: its lists are read when it is made, so that a fault in them is told
// before a model has worked for an hour.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "embed/media_item.h"
#include "eval/eval_models.h"
#include "eval/eval_report.h"
#include "eval/eval_set.h"
#include "pandagpt/error.h"

namespace pandagpt {

/// What holds for all tasks.
struct EvalSettings {
  std::size_t limit = 0;   ///< items of a list at most, spread over it evenly; 0: all
  int rounds = 1000;       ///< resamplings behind bootstrap intervals
  std::uint64_t seed = 1;  ///< of the resampling
};

class EvalTask {
 public:
  EvalTask(EvalEntry entry, const EvalSettings& settings)
      : entry_(std::move(entry)), settings_(settings) {}
  virtual ~EvalTask() = default;

  const EvalEntry& entry() const { return entry_; }
  /// Whether a language model is needed: those that need none are run first.
  virtual bool answers() const = 0;
  /// What the model lacks ("no audio tower"), or nothing.
  virtual std::string obstacle(EvalModels& models) const = 0;
  /// Fills figures, answers and whatever else there is to report. Throws as Panda and Embedder.
  virtual void run(EvalModels& models, TaskReport& report) const = 0;

 protected:
  const EvalSettings& settings() const { return settings_; }

 private:
  EvalEntry entry_;
  EvalSettings settings_;
};

/// Reads what the entry names. Throws Error(kInput) for a list that can't be used, or inputs that
/// aren't there.
std::unique_ptr<EvalTask> make_task(const EvalEntry& entry, const EvalSettings& settings);
/// By kind; used by make_task.
std::unique_ptr<EvalTask> make_embedding_task(const EvalEntry& entry, const EvalSettings& settings);
std::unique_ptr<EvalTask> make_answering_task(const EvalEntry& entry, const EvalSettings& settings);

// --- What tasks share ----------------------------------------------------------------------------

/// `limit` of all, spread evenly over them; all if it is 0 or not below their number.
template <typename Item>
std::vector<Item> spread(std::vector<Item> all, std::size_t limit) {
  if (limit == 0 || limit >= all.size()) return all;
  std::vector<Item> chosen;
  for (std::size_t i = 0; i < limit; ++i)
    chosen.push_back(std::move(all[i * all.size() / limit]));
  return chosen;
}

/// Throws Error(kInput) naming the first file that isn't there.
void require_files(std::span<const MediaItem> items, const std::filesystem::path& list);

/// An evaluation goes on without inputs that can't be read, if they are few.
class UnreadableItems {
 public:
  explicit UnreadableItems(std::size_t n_items) : n_items_(n_items) {}

  /// Throws Error(kInput) if they are more than one and more than kMost of all.
  void add(std::size_t item, const Error& error);
  bool has(std::size_t item) const { return reasons_.contains(item); }
  /// One line each, in the items' order.
  std::vector<std::string> reasons() const;

 private:
  static constexpr double kMost = 0.01;

  std::size_t n_items_;
  std::map<std::size_t, std::string> reasons_;
};

/// (items, width), each of length 1: decoded side by side and encoded in batches, with a progress
/// line. Rows of unreadable items are zeros; without `unreadable` one is an Error(kInput).
std::vector<float> embed_items(const Embedder& embedder, std::span<const MediaItem> items,
                               UnreadableItems* unreadable = nullptr);
std::vector<float> embed_texts(const Embedder& embedder, std::span<const std::string> texts);

/// "no audio tower" if the model can't take the sense, else nothing.
std::string missing_tower(const Embedder& embedder, TowerKind tower);

}  // namespace pandagpt
