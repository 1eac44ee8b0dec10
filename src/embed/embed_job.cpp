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
    try {
      embed_together(results);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInternal) throw;
      for (EmbeddedItem& result : results)  // one of them is at fault
        embed_alone(result);
    }
    return results;
  }

 private:
  void embed_together(std::vector<EmbeddedItem>& items) const {
    Inputs inputs;
    std::vector<std::string> texts;
    for (const EmbeddedItem& one : items) {
      if (!one.item.fault.empty()) continue;
      for (const Input& input : one.item.inputs.items())
        inputs.add(input);
      if (one.item.inputs.empty()) texts.push_back(one.item.text);
    }
    const std::vector<float> media_rows =
        inputs.empty() ? std::vector<float>{} : embedder_.embed(inputs);
    const std::vector<float> text_rows =
        texts.empty() ? std::vector<float>{} : embedder_.embed_texts(texts);
    distribute(items, media_rows, text_rows);
  }

  void distribute(std::vector<EmbeddedItem>& items, std::span<const float> media_rows,
                  std::span<const float> text_rows) const {
    const auto width = static_cast<std::size_t>(embedder_.width());
    for (EmbeddedItem& one : items) {
      one.error = one.item.fault;
      if (!one.error.empty()) continue;
      const std::size_t n_inputs = one.item.inputs.items().size();
      std::span<const float>& source = n_inputs == 0 ? text_rows : media_rows;
      const std::size_t n_rows = std::max<std::size_t>(1, n_inputs);
      const std::span<const float> rows = source.first(n_rows * width);
      source = source.subspan(n_rows * width);
      one.row = n_inputs > 1 ? weighted_direction(rows, one.item.inputs)
                             : std::vector<float>(rows.begin(), rows.end());
      if (normalize_) bring_to_length_one(one.row);
    }
  }

  void embed_alone(EmbeddedItem& one) const {
    std::vector<EmbeddedItem> single;
    single.push_back(std::move(one));
    try {
      embed_together(single);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInternal) throw;
      single.front().error = error.what();
    }
    one = std::move(single.front());
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

/// Up to `size` items of the shard behind `last_line`; empty at the end of the list.
std::vector<EmbedItem> next_batch(ItemReader& reader, const Shard& shard, std::int64_t last_line,
                                  std::size_t size) {
  std::vector<EmbedItem> batch;
  while (batch.size() < size) {
    std::optional<EmbedItem> item = reader.next();
    if (!item) break;
    if (item->line > last_line && shard.has(item->line)) batch.push_back(std::move(*item));
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
  const std::int64_t last_line = file.last_line();
  Progress progress("embedding", reader.total_bytes());
  const auto next = [&]() -> std::optional<std::vector<EmbedItem>> {
    std::vector<EmbedItem> batch =
        next_batch(reader, options.shard, last_line, static_cast<std::size_t>(options.batch_size));
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
