// Embeddings of the C interface.
#include <algorithm>

#include "c_api/call.h"
#include "c_api/handles.h"

namespace pandagpt::c_api {
namespace {

pandagpt_embedder_options default_embedder_options() {
  const EmbedderOptions defaults;
  return {.struct_size = sizeof(pandagpt_embedder_options),
          .n_threads = defaults.n_threads,
          .device = nullptr,
          .max_batch = defaults.max_batch,
          .use_cache = defaults.use_cache,
          .cache_file = nullptr};
}

EmbedderOptions embedder_options(const pandagpt_embedder_options* options) {
  EmbedderOptions result;
  if (options == nullptr) return result;
  const pandagpt_embedder_options& from = read_struct(*options, "options");
  if (from.max_batch < 1)
    fail_usage("max_batch is " + std::to_string(from.max_batch) + "; at least 1 was expected");
  result.n_threads = from.n_threads;
  if (from.device != nullptr) result.device = from.device;
  result.max_batch = from.max_batch;
  result.use_cache = from.use_cache;
  result.cache_file = text_or(from.cache_file, "");
  return result;
}

std::vector<std::string> texts_of(const char* const* texts, std::size_t n_texts) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < n_texts; ++i) {
    required(texts, "texts");
    result.emplace_back(required_text(texts[i], "texts[]"));
  }
  return result;
}

std::size_t dim_of(const Embedder& embedder) {
  return static_cast<std::size_t>(embedder.width());
}

const EmbedResult* result_at(const pandagpt_embed_results* results, std::size_t index) {
  if (results == nullptr || index >= results->results.size()) return nullptr;
  return &results->results[index];
}

}  // namespace
}  // namespace pandagpt::c_api

using namespace pandagpt::c_api;

pandagpt_status pandagpt_embedder_options_init(pandagpt_embedder_options* options,
                                               size_t struct_size) {
  return guarded(
      [&] { write_struct(default_embedder_options(), options, struct_size, "options"); });
}

pandagpt_status pandagpt_embedder_open(const char* model, const pandagpt_embedder_options* options,
                                       pandagpt_embedder** embedder) {
  return create(embedder, "embedder", [&] {
    return pandagpt::Embedder(required_text(model, "model"), embedder_options(options));
  });
}

void pandagpt_embedder_free(pandagpt_embedder* embedder) {
  delete embedder;
}

const char* pandagpt_embedder_name(const pandagpt_embedder* embedder) {
  return embedder != nullptr ? embedder->embedder.name().c_str() : nullptr;
}

const char* pandagpt_embedder_fingerprint(const pandagpt_embedder* embedder) {
  return embedder != nullptr ? embedder->embedder.fingerprint().c_str() : nullptr;
}

int pandagpt_embedder_dim(const pandagpt_embedder* embedder) {
  return embedder != nullptr ? embedder->embedder.width() : 0;
}

bool pandagpt_embedder_takes(const pandagpt_embedder* embedder, pandagpt_modality modality) {
  return embedder != nullptr && pandagpt_modality_name(modality) != nullptr &&
         embedder->embedder.takes(modality_of(modality));
}

bool pandagpt_embedder_takes_text(const pandagpt_embedder* embedder) {
  return embedder != nullptr && embedder->embedder.takes_text();
}

pandagpt_status pandagpt_embedder_embed(const pandagpt_embedder* embedder,
                                        const pandagpt_inputs* inputs, float* rows,
                                        size_t n_values) {
  return guarded([&] {
    const pandagpt::Embedder& encoders = required(embedder, "embedder").embedder;
    const pandagpt::Inputs& given = required(inputs, "inputs").inputs;
    require_room(rows, n_values, given.items().size() * dim_of(encoders), "rows");
    std::ranges::copy(encoders.embed(given), rows);
  });
}

pandagpt_status pandagpt_embedder_embed_texts(const pandagpt_embedder* embedder,
                                              const char* const* texts, size_t n_texts, float* rows,
                                              size_t n_values) {
  return guarded([&] {
    const pandagpt::Embedder& encoders = required(embedder, "embedder").embedder;
    const std::vector<std::string> given = texts_of(texts, n_texts);
    require_room(rows, n_values, n_texts * dim_of(encoders), "rows");
    std::ranges::copy(encoders.embed_texts(given), rows);
  });
}

pandagpt_status pandagpt_embedder_combine(const pandagpt_embedder* embedder,
                                          const pandagpt_inputs* inputs, float* row,
                                          size_t n_values) {
  return guarded([&] {
    const pandagpt::Embedder& encoders = required(embedder, "embedder").embedder;
    const pandagpt::Inputs& given = required(inputs, "inputs").inputs;
    require_room(row, n_values, dim_of(encoders), "row");
    std::ranges::copy(encoders.combine(given), row);
  });
}

pandagpt_status pandagpt_embedder_embed_each(const pandagpt_embedder* embedder,
                                             const pandagpt_inputs* inputs,
                                             pandagpt_embed_results** results) {
  return create(results, "results", [&] {
    return required(embedder, "embedder").embedder.embed_each(required(inputs, "inputs").inputs);
  });
}

pandagpt_status pandagpt_embedder_embed_texts_each(const pandagpt_embedder* embedder,
                                                   const char* const* texts, size_t n_texts,
                                                   pandagpt_embed_results** results) {
  return create(results, "results", [&] {
    return required(embedder, "embedder").embedder.embed_texts_each(texts_of(texts, n_texts));
  });
}

void pandagpt_embed_results_free(pandagpt_embed_results* results) {
  delete results;
}

size_t pandagpt_embed_results_count(const pandagpt_embed_results* results) {
  return results != nullptr ? results->results.size() : 0;
}

const float* pandagpt_embed_results_row(const pandagpt_embed_results* results, size_t index) {
  const pandagpt::EmbedResult* result = result_at(results, index);
  return result != nullptr && !result->error ? result->row.data() : nullptr;
}

pandagpt_status pandagpt_embed_results_status(const pandagpt_embed_results* results, size_t index) {
  const pandagpt::EmbedResult* result = result_at(results, index);
  if (result == nullptr) return PANDAGPT_ERROR_USAGE;
  return result->error ? status_of(result->error->kind()) : PANDAGPT_OK;
}

const char* pandagpt_embed_results_error(const pandagpt_embed_results* results, size_t index) {
  const pandagpt::EmbedResult* result = result_at(results, index);
  if (result == nullptr) return nullptr;
  return result->error ? result->error->what() : "";
}
