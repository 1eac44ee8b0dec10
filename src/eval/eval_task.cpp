#include "eval/eval_task.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

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

std::vector<float> embed_items(const Embedder& embedder, std::span<const MediaItem> items) {
  MediaItemReader reader;
  std::size_t n_read = 0;
  const auto next = [&]() -> std::optional<Inputs> {
    if (n_read == items.size()) return std::nullopt;
    Inputs batch;
    for (; n_read < items.size() && batch.items().size() < kBatch; ++n_read) {
      const MediaItem& item = items[n_read];
      batch.add(input_of(item, item.member.empty() ? Bytes{} : reader.read(item)));
    }
    return batch;
  };
  std::vector<float> rows;
  const auto width = static_cast<std::size_t>(embedder.width());
  Progress progress("inputs", static_cast<std::int64_t>(items.size()));
  work_in_order(
      kWorkers, next, [&](const Inputs& batch) { return embedder.embed(batch); },
      [&](const std::vector<float>& more) {
        rows.insert(rows.end(), more.begin(), more.end());
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

std::string missing_tower(const Embedder& embedder, Tower tower) {
  const bool takes = tower == Tower::kText
                         ? embedder.takes_text()
                         : embedder.takes(input_of({.tower = tower, .path = {}}).modality);
  return takes ? "" : "no " + sense_name(tower) + " tower";
}

}  // namespace pandagpt
