#include "train/export.h"

#include <span>

#include "tensor/gguf_file.h"

namespace pandagpt::train {
namespace {

void add(GgufWriter& writer, const std::string& name, const torch::Tensor& tensor,
         ExportType type) {
  const torch::Tensor values = tensor.detach().to(torch::kFloat32).contiguous();
  const TensorShape shape(values.sizes().rbegin(), values.sizes().rend());
  const std::span<const float> span(values.data_ptr<float>(),
                                    static_cast<std::size_t>(values.numel()));
  // biases stay float32: they are small, and ggml adds them in that type
  if (type == ExportType::kF16 && values.dim() > 1)
    writer.add_f16(name, shape, span);
  else
    writer.add_f32(name, shape, span);
}

}  // namespace

void export_projector(const Projector& projector, std::int64_t n_image_tokens, ExportType type,
                      const std::filesystem::path& path) {
  const auto [weight, bias] = projector.folded();
  GgufWriter writer;
  writer.set_str("general.architecture", "pandagpt-projector");
  writer.set_u32("pandagpt.projector.n_image_tokens", static_cast<std::uint32_t>(n_image_tokens));
  writer.set_u32("pandagpt.projector.n_in", static_cast<std::uint32_t>(weight.size(1)));
  writer.set_u32("pandagpt.projector.n_embd",
                 static_cast<std::uint32_t>(weight.size(0) / n_image_tokens));
  add(writer, "llama_proj.weight", weight, type);
  add(writer, "llama_proj.bias", bias, type);
  writer.write(path);
}

void export_adapter(const LlamaLora& model, ExportType type, const std::filesystem::path& path) {
  GgufWriter writer;
  writer.set_str("general.type", "adapter");
  writer.set_str("general.architecture", "llama");
  writer.set_str("adapter.type", "lora");
  writer.set_f32("adapter.lora.alpha", static_cast<float>(model.lora_options().alpha));
  for (const auto& [name, tensor] : model.named_parameters())
    add(writer, name, tensor, type);
  writer.write(path);
}

}  // namespace pandagpt::train
