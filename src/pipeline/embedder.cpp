#include "pandagpt/embedder.h"

#include <filesystem>

#include "pipeline/embedding_math.h"
#include "pipeline/input_encoder.h"
#include "pipeline/manifest.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

struct Source {
  std::string name;
  fs::path encoders;
  InputDefaults defaults = {};
};

Source find_source(const std::string& model) {
  const fs::path path(model);
  if (is_encoders_file(path)) return {path.filename().string(), path};
  Manifest manifest = read_manifest(find_model(model));
  return {manifest.name, manifest.encoders.path, manifest.input_defaults()};
}

EncoderOptions encoder_options(const EmbedderOptions& options) {
  if (options.n_threads < 0)
    throw Error(ErrorKind::kUsage, "the number of threads must not be negative");
  EncoderOptions result;
  result.n_threads = options.n_threads;
  result.device = options.device;
  result.max_batch = options.max_batch;
  return result;
}

}  // namespace

class Embedder::Impl {
 public:
  Impl(const Source& source, const EmbedderOptions& options)
      : name(source.name),
        encoder(source.encoders, encoder_options(options), source.name,
                {.keeps_embeddings = options.use_cache, .file = options.cache_file}, {}, {},
                source.defaults) {}

  std::string name;
  InputEncoder encoder;
};

Embedder::Embedder(const std::string& model, const EmbedderOptions& options)
    : impl_(std::make_unique<Impl>(find_source(model), options)) {}
Embedder::~Embedder() = default;
Embedder::Embedder(Embedder&&) noexcept = default;
Embedder& Embedder::operator=(Embedder&&) noexcept = default;

const std::string& Embedder::name() const {
  return impl_->name;
}
int Embedder::width() const {
  return impl_->encoder.n_embd();
}
bool Embedder::takes(Modality modality) const {
  return impl_->encoder.takes(modality);
}
bool Embedder::takes_text() const {
  return impl_->encoder.takes_text();
}
const std::string& Embedder::fingerprint() const {
  return impl_->encoder.fingerprint();
}
std::vector<float> Embedder::embed(const Inputs& inputs) const {
  return impl_->encoder.encode(inputs.items());
}
std::vector<EmbedResult> Embedder::embed_each(const Inputs& inputs) const {
  return impl_->encoder.encode_each(inputs.items());
}
std::vector<EmbedResult> Embedder::embed_texts_each(std::span<const std::string> texts) const {
  return impl_->encoder.encode_texts_each(texts);
}
std::vector<float> Embedder::embed_texts(std::span<const std::string> texts) const {
  return impl_->encoder.encode_texts(texts);
}

std::vector<float> Embedder::combine(const Inputs& inputs) const {
  if (inputs.empty()) throw Error(ErrorKind::kUsage, "nothing is given to be embedded");
  return weighted_direction(embed(inputs), inputs);
}

}  // namespace pandagpt
