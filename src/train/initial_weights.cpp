#include "train/initial_weights.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "tensor/panda_weights.h"
#include "train/export.h"
#include "train/read_tensor.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

using torch::Tensor;

/// Copies a tensor of the file, which has to be of the same shape.
void copy_tensor(const GgufFile& file, const std::string& name, const Tensor& to) {
  to.copy_(read_tensor(file, name, to.sizes()));
}

void load_projector(const GgufFile& file, std::int64_t n_image_tokens, Projector& projector) {
  const std::uint32_t n_made = file.get_u32(projector_keys::kImageTokens);
  if (n_made != n_image_tokens)
    throw Error(ErrorKind::kModel,
                fmt::format("{}: makes {} embeddings of an input; give --image-tokens {}",
                            file.path().string(), n_made, n_made));
  copy_tensor(file, projector_keys::kWeight, projector.weight);
  copy_tensor(file, projector_keys::kBias, projector.bias);
  projector.unfold();
}

void load_adapter(const GgufFile& file, const LlamaLora& model) {
  const double alpha = file.get_f32(adapter_keys::kAlpha);
  if (alpha != model.lora_options().alpha)
    throw Error(ErrorKind::kModel, fmt::format("{}: has lora_alpha {:g}; give --lora-alpha {:g}",
                                               file.path().string(), alpha, alpha));
  for (const auto& [name, tensor] : model.named_parameters())
    copy_tensor(file, name, tensor);
}

}  // namespace

std::optional<Lexicon> read_lexicon(const fs::path& folder) {
  if (!fs::exists(folder / kProjectorFile)) return std::nullopt;
  const GgufFile file(folder / kProjectorFile);
  std::optional<LexiconSizes> sizes = read_lexicon_sizes(file);
  if (!sizes) return std::nullopt;
  const auto n_names = static_cast<std::int64_t>(sizes->names.size());
  const std::int64_t n_in = file.get_u32(projector_keys::kIn);
  const std::int64_t n_out = std::int64_t{sizes->n_words} * file.get_u32(projector_keys::kEmbd);
  return Lexicon{read_tensor(file, lexicon_keys::kKeysWeight, {n_names, n_in}),
                 read_tensor(file, lexicon_keys::kKeysBias, {n_names}),
                 read_tensor(file, lexicon_keys::kWordsTensor, {n_names, n_out}),
                 std::move(sizes->names), sizes->n_words};
}

void load_initial_weights(const fs::path& folder, const NamedTensors& parameters,
                          std::int64_t n_image_tokens, Projector& projector,
                          const LlamaLora& model) {
  if (!fs::exists(folder / kProjectorFile) || fs::exists(folder / kCheckpointsFolder))
    return load_parameters(folder, parameters);
  const torch::NoGradGuard no_grad;
  load_projector(GgufFile(folder / kProjectorFile), n_image_tokens, projector);
  load_adapter(GgufFile(folder / kAdapterFile), model);
}

}  // namespace pandagpt::train
