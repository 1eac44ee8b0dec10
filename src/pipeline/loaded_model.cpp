#include "pipeline/loaded_model.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <future>

#include "core/threads.h"
#include "core/warnings.h"
#include "pipeline/llm_options.h"

namespace pandagpt {
namespace {

struct LanguagePart {
  std::shared_ptr<const LlmModel> model;
  std::shared_ptr<const LoraAdapter> adapter;
};

LanguagePart load_language_part(const Manifest& manifest, const LlmOptions& options) {
  LanguagePart part;
  part.model = std::make_shared<const LlmModel>(manifest.llm.path, options);
  if (manifest.adapter)
    part.adapter = std::make_shared<const LoraAdapter>(part.model, manifest.adapter->path,
                                                       manifest.adapter_scale);
  return part;
}

Manifest open_manifest(const std::string& model, bool verify) {
  Manifest manifest = read_manifest(find_model(model));
  if (verify) {
    manifest.verify();
  } else {
    manifest.check_files();
  }
  return manifest;
}

}  // namespace

LoadedModel::LoadedModel(const std::string& model, const PandaOptions& options)
    : manifest_(open_manifest(model, options.verify)),
      n_threads_(options.n_threads),
      limits_(options.limits) {
  if (n_threads_ < 0) throw Error(ErrorKind::kUsage, "the number of threads must not be negative");
  if (n_threads_ == 0) n_threads_ = default_thread_count();
  if (options.n_ctx < 0) throw Error(ErrorKind::kUsage, "the context size must not be negative");
  if (options.n_ctx > 0) manifest_.n_ctx = options.n_ctx;
  info_.n_parallel = options.n_parallel;
  if (options.later_inputs) manifest_.later_inputs = *options.later_inputs;
  if (!options.use_adapter) manifest_.adapter.reset();
  auto language = std::async(std::launch::async, load_language_part, std::cref(manifest_),
                             llm_options(options));
  encoder_ = std::make_unique<InputEncoder>(
      manifest_.encoders.path,
      EncoderOptions{
          .n_threads = n_threads_,
          .device = options.encoder_device.empty() ? options.device : options.encoder_device},
      manifest_.name,
      EmbeddingCacheOptions{.keeps_embeddings = options.use_cache, .file = options.cache_file},
      options.use_cache ? recorded_sha256(manifest_) : std::string(), options.limits,
      manifest_.input_defaults());
  projector_ = std::make_unique<Projector>(manifest_.projector.path);
  if (options.say_unsure && manifest_.familiarity)
    familiarity_.emplace(manifest_.familiarity->path, manifest_.embedding_width,
                         [this](Modality one) { return encoder_->n_statistics(one); });
  LanguagePart part = language.get();
  llm_ = std::move(part.model);
  adapter_ = std::move(part.adapter);
  check_widths();
  check_separator();
  describe();
}

std::vector<float> LoadedModel::project(const Inputs& inputs, EncodingReport& report) const {
  std::vector<float> weights;
  for (const Input& input : inputs.items()) {
    weights.push_back(input.weight);
    if (!std::isfinite(input.weight))
      throw Error(ErrorKind::kUsage, input.name + ": the weight must be a finite number");
  }
  const std::vector<float> rows = encoder_->encode(inputs.items(), &report);
  const auto width = static_cast<std::size_t>(encoder_->n_embd());
  for (std::size_t i = 0; i < inputs.items().size(); ++i)
    if (is_strange(inputs.items()[i].modality, std::span(rows).subspan(i * width, width),
                   report.statistics[i]))
      report.is_unsure = true;
  if (familiarity_ && report.n_without_content > 0) report.is_unsure = true;
  return projector_->project_sum(rows, weights);
}

std::vector<InputFacts> LoadedModel::facts_of(const Inputs& inputs) const {
  const WarningCollector told_already;
  return measure(inputs, limits_);
}

bool LoadedModel::is_strange(Modality modality, std::span<const float> embedding,
                             std::span<const float> statistics) const {
  auto threshold = manifest_.unsure.find(modality);
  if (threshold == manifest_.unsure.end()) threshold = manifest_.unsure.find(judged_as(modality));
  if (!familiarity_ || threshold == manifest_.unsure.end()) return false;
  const std::optional<float> score = familiarity_->score(modality, embedding, statistics);
  return score && *score < threshold->second;
}

void LoadedModel::check_widths() const {
  const auto require_equal = [&](const ManifestFile& file, const char* what, int found,
                                 int wanted) {
    if (found != wanted)
      throw Error(ErrorKind::kModel, file.path.string() + ": " + what + " is " +
                                         std::to_string(found) + ", the rest of " + manifest_.name +
                                         " has " + std::to_string(wanted));
  };
  require_equal(manifest_.encoders, "the embedding width", encoder_->n_embd(),
                manifest_.embedding_width);
  require_equal(manifest_.projector, "the embedding width", projector_->n_in(),
                manifest_.embedding_width);
  require_equal(manifest_.projector, "the language model's width", projector_->n_embd(),
                llm_->n_embd());
}

void LoadedModel::check_separator() const {
  const std::string& separator = manifest_.prompt.document_separator;
  for (const std::int32_t token : llm_->tokenize_special(separator)) {
    const std::string text = llm_->token_to_piece(token);  // special tokens have none
    if (!text.empty())
      throw Error(ErrorKind::kModel, (manifest_.folder / kManifestName).string() +
                                         ": 'prompt.document_separator' is \"" + separator +
                                         "\"; \"" + text +
                                         "\" is no special token of the language model");
  }
}

void LoadedModel::describe() {
  info_.name = manifest_.name;
  info_.folder = manifest_.folder.string();
  info_.licence = manifest_.licence;
  info_.licence_note = manifest_.licence_note;
  info_.limitations = manifest_.limitations;
  info_.provenance = manifest_.provenance;
  info_.language_model = llm_->description();
  info_.embedding_width = manifest_.embedding_width;
  info_.n_image_tokens = projector_->n_image_tokens() + projector_->n_words();
  info_.n_ctx = std::min(manifest_.n_ctx, llm_->n_ctx_train());
  info_.later_inputs = manifest_.later_inputs;
  info_.modalities = encoder_->modalities();
  info_.example_questions = manifest_.examples;
}

}  // namespace pandagpt
