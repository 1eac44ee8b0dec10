#include "eval/eval_models.h"

#include <filesystem>

#include "core/file.h"
#include "pipeline/manifest.h"

namespace pandagpt {

std::vector<std::pair<std::string, std::string>> model_file_hashes(const std::string& model) {
  if (is_encoders_file(model)) return {{"encoders", sha256_file(model)}};
  std::vector<std::pair<std::string, std::string>> files;
  for (const ManifestFile& file : read_manifest(find_model(model)).files())
    files.emplace_back(file.role, file.sha256.empty() ? sha256_file(file.path) : file.sha256);
  return files;
}

EvalModels::EvalModels(std::string model, PandaOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      is_encoders_file_(is_encoders_file(model_)) {}

std::string EvalModels::name() const {
  return is_encoders_file_ ? std::filesystem::path(model_).filename().string()
                           : read_manifest(find_model(model_)).name;
}

bool EvalModels::has_adapter() const {
  return !is_encoders_file_ && read_manifest(find_model(model_)).adapter.has_value();
}

const Embedder& EvalModels::embedder() {
  if (!embedder_) {
    panda_.reset();
    embedder_.emplace(
        model_, EmbedderOptions{.n_threads = options_.n_threads,
                                .device = options_.encoder_device.empty() ? options_.device
                                                                          : options_.encoder_device,
                                .use_cache = options_.use_cache,
                                .cache_file = options_.cache_file});
  }
  return *embedder_;
}

const Panda& EvalModels::panda(bool use_adapter) {
  if (!panda_ || uses_adapter_ != use_adapter) {
    embedder_.reset();
    panda_.reset();
    PandaOptions options = options_;
    options.say_unsure = false;  // the answers themselves are measured
    options.use_adapter = use_adapter;
    panda_.emplace(model_, options);
    uses_adapter_ = use_adapter;
  }
  return *panda_;
}

}  // namespace pandagpt
