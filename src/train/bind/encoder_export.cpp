#include "train/bind/encoder_export.h"

#include <algorithm>
#include <string>

#include "encoders/encoder_keys.h"
#include "train/bind/trunk_head.h"

namespace pandagpt::train {
namespace {

namespace keys = encoder_keys;

/// Whether a tensor of the base makes room for one of the encoder's: all of a replaced tower; of a
/// trunk only the layers behind it.
bool is_replaced(const std::string& tensor, const TrainableEncoder& encoder) {
  if (encoder.tower() != TowerKind::kVision || dynamic_cast<const TrunkHead*>(&encoder) == nullptr)
    return tensor.starts_with(std::string(tower_name(encoder.tower())) + ".");
  return std::ranges::any_of(
      std::initializer_list<std::string>{keys::embedding_hidden(encoder.tower()),
                                         keys::embedding_head(encoder.tower())},
      [&](const std::string& layer) {
        return tensor == keys::weight_name(layer) || tensor == keys::bias_name(layer);
      });
}

}  // namespace

void export_encoders(const GgufFile* base, std::span<const ExportedEncoder> encoders, int n_embd,
                     ExportType type, const std::filesystem::path& path) {
  GgufWriter writer;
  if (base != nullptr) {
    writer.copy_metadata(*base);
  } else {
    writer.set_str(keys::kArchitecture, keys::kEncodersArchitecture);
    writer.set_u32(keys::kFormatVersion, keys::kEncoderFormatVersion);
  }
  for (const ExportedEncoder& exported : encoders)
    if (exported.encoder->tower() != TowerKind::kVision ||
        dynamic_cast<const TrunkHead*>(exported.encoder) == nullptr)
      writer.remove_keys(tower_key(exported.encoder->tower(), ""));
  writer.set_u32(keys::kEmbeddingLength, static_cast<std::uint32_t>(n_embd));
  if (base != nullptr)
    for (const GgufTensor& tensor : base->tensors())
      if (std::ranges::none_of(encoders, [&](const ExportedEncoder& exported) {
            return is_replaced(tensor.name, *exported.encoder);
          }))
        writer.add_streamed(tensor.name, tensor.type, tensor.shape,
                            [&tensor](const GgufWriter::TensorSink& sink) { sink(tensor.data); });
  for (const ExportedEncoder& exported : encoders)
    exported.encoder->write(writer, exported.values, exported.output_scale, type);
  writer.write(path);
}

}  // namespace pandagpt::train
