#include "tensor/panda_weights.h"

namespace pandagpt {

void set_projector_metadata(GgufWriter* writer, const ProjectorSizes& sizes) {
  writer->set_str("general.architecture", projector_keys::kArchitecture);
  writer->set_u32(projector_keys::kImageTokens, sizes.n_image_tokens);
  writer->set_u32(projector_keys::kIn, sizes.n_in);
  writer->set_u32(projector_keys::kEmbd, sizes.n_embd);
}

void set_adapter_metadata(GgufWriter* writer, const std::string& architecture, float alpha) {
  writer->set_str(adapter_keys::kGeneralType, adapter_keys::kAdapter);
  writer->set_str("general.architecture", architecture);
  writer->set_str(adapter_keys::kType, adapter_keys::kLora);
  writer->set_f32(adapter_keys::kAlpha, alpha);
}

}  // namespace pandagpt
