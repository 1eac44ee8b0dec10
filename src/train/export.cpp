#include "train/export.h"

#include <span>

#include "tensor/panda_weights.h"

namespace pandagpt::train {

void add_tensor(GgufWriter& writer, const std::string& name, const torch::Tensor& tensor,
                ExportType type) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const TensorShape shape(values.sizes().rbegin(), values.sizes().rend());
  const std::span<const float> span(values.data_ptr<float>(),
                                    static_cast<std::size_t>(values.numel()));
  // biases stay float32: they are small, and ggml adds them in that type
  if (type == ExportType::kF16 && values.dim() > 1)
    writer.add_f16(name, shape, span);
  else
    writer.add_f32(name, shape, span);
}

void export_projector(const Projector& projector, std::int64_t n_image_tokens, ExportType type,
                      const std::filesystem::path& path) {
  const auto [weight, bias] = projector.folded();
  GgufWriter writer;
  set_projector_metadata(&writer,
                         {.n_image_tokens = static_cast<std::uint32_t>(n_image_tokens),
                          .n_in = static_cast<std::uint32_t>(weight.size(1)),
                          .n_embd = static_cast<std::uint32_t>(weight.size(0) / n_image_tokens)});
  add_tensor(writer, projector_keys::kWeight, weight, type);
  add_tensor(writer, projector_keys::kBias, bias, type);
  if (const auto& lexicon = projector.lexicon) {
    set_lexicon_metadata(&writer, {lexicon->names, static_cast<std::uint32_t>(lexicon->n_words)});
    add_tensor(writer, lexicon_keys::kKeysWeight, lexicon->keys, type);
    add_tensor(writer, lexicon_keys::kKeysBias, lexicon->bias, type);
    add_tensor(writer, lexicon_keys::kWordsTensor, lexicon->words, type);
  }
  writer.write(path);
}

void export_adapter(const LlamaLora& model, ExportType type, const std::filesystem::path& path) {
  GgufWriter writer;
  set_adapter_metadata(&writer, "llama", static_cast<float>(model.lora_options().alpha));
  for (const auto& [name, tensor] : model.named_parameters())
    add_tensor(writer, name, tensor, type);
  writer.write(path);
}

}  // namespace pandagpt::train
