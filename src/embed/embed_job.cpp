#include "embed/embed_job.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/ordered_work.h"
#include "core/progress.h"
#include "embed/item_reader.h"
#include "embed/vector_file.h"
#include "pandagpt/error.h"
#include "pipeline/embedding_math.h"

namespace pandagpt {
namespace {

struct EmbeddedItem {
  EmbedItem item;
  std::vector<float> row;
  std::string error;
};

/// Works on one batch after another; used by several threads.
class BatchEmbedder {
 public:
  BatchEmbedder(const Embedder& embedder, bool normalize)
      : embedder_(embedder), normalize_(normalize) {}

  std::vector<EmbeddedItem> run(std::vector<EmbedItem> items) const {
    std::vector<EmbeddedItem> results;
    for (EmbedItem& item : items)
      results.push_back({std::move(item), {}, {}});
    embed(results);
    return results;
  }

 private:
  void embed(std::vector<EmbeddedItem>& items) const {
    Inputs inputs;
    std::vector<std::string> texts;
    for (const EmbeddedItem& one : items) {
      if (!one.item.fault.empty()) continue;
      for (const Input& input : one.item.inputs.items())
        inputs.add(input);
      if (one.item.inputs.empty()) texts.push_back(one.item.text);
    }
    distribute(items, embedder_.embed_each(inputs), embedder_.embed_texts_each(texts));
  }

  /// `media` and `texts` are the results of all items in turn.
  void distribute(std::vector<EmbeddedItem>& items, std::span<const EmbedResult> media,
                  std::span<const EmbedResult> texts) const {
    for (EmbeddedItem& one : items) {
      one.error = one.item.fault;
      if (!one.error.empty()) continue;
      const std::size_t n_inputs = one.item.inputs.items().size();
      std::span<const EmbedResult>& source = n_inputs == 0 ? texts : media;
      const std::size_t n_results = std::max<std::size_t>(1, n_inputs);
      take(one, source.first(n_results));
      source = source.subspan(n_results);
    }
  }

  /// Joins the results of one item.
  void take(EmbeddedItem& one, std::span<const EmbedResult> results) const {
    std::vector<float> rows;
    for (const EmbedResult& result : results) {
      if (result.error) {
        one.error = result.error->what();
        return;
      }
      rows.insert(rows.end(), result.row.begin(), result.row.end());
    }
    one.row = results.size() > 1 ? weighted_direction(rows, one.item.inputs) : std::move(rows);
    if (normalize_) bring_to_length_one(one.row);
  }

  const Embedder& embedder_;
  bool normalize_;
};

std::string settings_of(const Embedder& embedder, const EmbedJobOptions& options) {
  nlohmann::json settings{{"encoders", embedder.fingerprint()},
                          {"normalize", options.normalize},
                          {"shard", options.shard.index},
                          {"shards", options.shard.count}};
  if (const std::string sensor = to_string(options.sensor); !sensor.empty())
    settings["sensor"] = sensor;
  return settings.dump();
}

void store(const std::vector<EmbeddedItem>& items, VectorFile& file) {
  for (const EmbeddedItem& one : items) {
    if (one.error.empty()) {
      file.add(one.item.line, one.item.id, one.row);
    } else {
      file.add_failure(one.item.line, one.item.id, one.error);
    }
  }
  file.flush();
}

/// What an earlier run has written: all up to `line`, and of that line so many items.
struct Done {
  std::int64_t line = 0;
  std::int64_t n_of_line = 0;

  bool has(const EmbedItem& item) const {
    return item.line < line || (item.line == line && item.part < n_of_line);
  }
};

/// Up to `size` items of the shard behind `done`; empty at the end of the list.
std::vector<EmbedItem> next_batch(ItemReader& reader, const Shard& shard, const Done& done,
                                  std::size_t size) {
  std::vector<EmbedItem> batch;
  while (batch.size() < size) {
    std::optional<EmbedItem> item = reader.next();
    if (!item) break;
    if (!done.has(*item) && shard.has(item->line)) batch.push_back(std::move(*item));
  }
  return batch;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard shard;
  const char* end = text.data() + text.size();
  const auto [slash, fault] = std::from_chars(text.data(), end, shard.index);
  if (fault == std::errc{} && slash != end && *slash == '/') {
    const auto [rest, second_fault] = std::from_chars(slash + 1, end, shard.count);
    if (second_fault == std::errc{} && rest == end && shard.index >= 0 && shard.index < shard.count)
      return shard;
  }
  throw Error(ErrorKind::kUsage, "the shard '" + text + "' is not i/n with i from 0 to n - 1");
}

EmbedJobResult run_embed_job(const Embedder& embedder, const EmbedJobOptions& options) {
  ItemReader reader(options.manifest, options.root, options.sensor);
  VectorFile file(options.out, embedder.width(), settings_of(embedder, options), options.restart);
  const BatchEmbedder worker(embedder, options.normalize);
  const Done before{file.last_line(), file.n_of_last_line()};
  Progress progress("embedding", reader.total_bytes());
  const auto next = [&]() -> std::optional<std::vector<EmbedItem>> {
    std::vector<EmbedItem> batch =
        next_batch(reader, options.shard, before, static_cast<std::size_t>(options.batch_size));
    if (batch.empty()) return std::nullopt;
    return batch;
  };
  const auto embed = [&](std::vector<EmbedItem> items) { return worker.run(std::move(items)); };
  work_in_order(options.n_workers, next, embed, [&](const std::vector<EmbeddedItem>& done) {
    store(done, file);
    progress.update(reader.bytes_read(), std::to_string(file.n_rows()) + " embedded, " +
                                             std::to_string(file.n_failures()) + " failed");
  });
  file.finish();
  progress.finish();
  return {file.n_rows(), file.n_failures()};
}

}  // namespace pandagpt
