#include "eval/eval_task.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "core/ordered_work.h"
#include "core/progress.h"
#include "pandagpt/error.h"
#include "pipeline/embedding_math.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatch = 8;  // inputs of a worker
constexpr int kWorkers = 2;
constexpr std::size_t kTextBatch = 64;

void bring_rows_to_length_one(std::vector<float>& rows, std::size_t width) {
  for (std::size_t at = 0; at < rows.size(); at += width)
    bring_to_length_one(std::span(rows).subspan(at, width));
}

struct EmbeddedBatch {
  std::vector<float> rows = {};  // (items, width)
  std::vector<std::pair<std::size_t, Error>> errors = {};
};

/// `strict`: throws for an input that can't be read, else its row is zeros.
EmbeddedBatch embed_batch(const Embedder& embedder, const Inputs& batch, bool strict) {
  if (strict) return {embedder.embed(batch)};
  EmbeddedBatch batch_result;
  std::vector<EmbedResult> results = embedder.embed_each(batch);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EmbedResult& one = results[i];
    if (one.error) {
      if (one.error->kind() != ErrorKind::kInput) throw Error(*one.error);
      batch_result.errors.emplace_back(i, *one.error);
      one.row.resize(static_cast<std::size_t>(embedder.width()));
    }
    batch_result.rows.insert(batch_result.rows.end(), one.row.begin(), one.row.end());
  }
  return batch_result;
}

}  // namespace

std::unique_ptr<EvalTask> make_task(const EvalEntry& entry, const EvalSettings& settings) {
  const bool embeds = entry.kind == EvalKind::kRetrieval || entry.kind == EvalKind::kZeroShot;
  return embeds ? make_embedding_task(entry, settings) : make_answering_task(entry, settings);
}

void require_files(std::span<const MediaItem> items, const fs::path& list) {
  std::set<fs::path> seen;
  for (const MediaItem& item : items) {
    std::error_code code;
    if (!seen.insert(item.path).second || fs::is_regular_file(item.path, code)) continue;
    throw Error(ErrorKind::kInput, list.string() + ": names " + item.path.string() +
                                       ", which isn't there; check the path");
  }
}

void UnreadableItems::add(std::size_t item, const Error& error) {
  reasons_.emplace(item, error.what());
  if (reasons_.size() > 1 &&
      static_cast<double>(reasons_.size()) > kMost * static_cast<double>(n_items_))
    throw Error(ErrorKind::kInput, std::to_string(reasons_.size()) + " of " +
                                       std::to_string(n_items_) +
                                       " inputs can't be read, among them " + error.what());
}

std::vector<std::string> UnreadableItems::reasons() const {
  std::vector<std::string> lines;
  for (const auto& [item, reason] : reasons_)
    lines.push_back(reason);
  return lines;
}

std::vector<float> embed_items(const Embedder& embedder, std::span<const MediaItem> items,
                               UnreadableItems* unreadable) {
  const auto width = static_cast<std::size_t>(embedder.width());
  std::vector<float> rows;
  MediaItemReader reader;
  std::size_t n_given = 0;
  const auto next = [&]() -> std::optional<Inputs> {
    if (n_given == items.size()) return std::nullopt;
    Inputs batch;
    for (; n_given < items.size() && batch.items().size() < kBatch; ++n_given) {
      const MediaItem& item = items[n_given];
      batch.add(input_of(item, item.member.empty() ? Bytes{} : reader.read(item)));
    }
    return batch;
  };
  const auto work = [&](const Inputs& batch) { return embed_batch(embedder, batch, !unreadable); };
  Progress progress("inputs", static_cast<std::int64_t>(items.size()));
  work_in_order(kWorkers, next, work, [&](const EmbeddedBatch& done) {
    const std::size_t first = rows.size() / width;
    for (const auto& [item, error] : done.errors)
      unreadable->add(first + item, error);
    rows.insert(rows.end(), done.rows.begin(), done.rows.end());
    progress.update(static_cast<std::int64_t>(rows.size() / width));
  });
  progress.finish();
  bring_rows_to_length_one(rows, width);
  return rows;
}

std::vector<float> embed_texts(const Embedder& embedder, std::span<const std::string> texts) {
  std::vector<float> rows;
  Progress progress("texts", static_cast<std::int64_t>(texts.size()));
  for (std::size_t begin = 0; begin < texts.size(); begin += kTextBatch) {
    const std::size_t n = std::min(kTextBatch, texts.size() - begin);
    const std::vector<float> more = embedder.embed_texts(texts.subspan(begin, n));
    rows.insert(rows.end(), more.begin(), more.end());
    progress.update(static_cast<std::int64_t>(begin + n));
  }
  progress.finish();
  bring_rows_to_length_one(rows, static_cast<std::size_t>(embedder.width()));
  return rows;
}

std::string missing_tower(const Embedder& embedder, TowerKind tower) {
  const bool takes = tower == TowerKind::kText
                         ? embedder.takes_text()
                         : embedder.takes(input_of({.tower = tower, .path = {}}).modality);
  return takes ? "" : "no " + sense_name(tower) + " tower";
}

}  // namespace pandagpt
