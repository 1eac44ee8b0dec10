#include "search/encoder.h"

#include <filesystem>
#include <utility>

namespace pandagpt {
namespace {

/// A path is found again from any folder; the name of a model stays a name.
std::string lasting(const std::string& model) {
  std::error_code code;
  if (!std::filesystem::exists(model, code)) return model;
  const std::filesystem::path path = std::filesystem::canonical(model, code);
  return code ? model : path.string();
}

}  // namespace

EmbedderEncoder::EmbedderEncoder(const Embedder& embedder, std::string model)
    : embedder_(embedder), model_(lasting(model)) {}

ModelStamp EmbedderEncoder::stamp() const {
  return {model_, embedder_.name(), embedder_.fingerprint(), embedder_.width()};
}

bool EmbedderEncoder::takes(Modality kind) const {
  return embedder_.takes(kind);
}

std::vector<float> EmbedderEncoder::embed(const Inputs& inputs) const {
  return embedder_.embed(inputs);
}

std::vector<EmbedResult> EmbedderEncoder::embed_each(const Inputs& inputs) const {
  return embedder_.embed_each(inputs);
}

std::vector<float> EmbedderEncoder::embed_texts(std::span<const std::string> texts) const {
  return embedder_.embed_texts(texts);
}

}  // namespace pandagpt
