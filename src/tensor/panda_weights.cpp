#include "tensor/panda_weights.h"

#include "pandagpt/error.h"

namespace pandagpt {

void set_projector_metadata(GgufWriter* writer, const ProjectorSizes& sizes) {
  writer->set_str("general.architecture", projector_keys::kArchitecture);
  writer->set_u32(projector_keys::kImageTokens, sizes.n_image_tokens);
  writer->set_u32(projector_keys::kIn, sizes.n_in);
  writer->set_u32(projector_keys::kEmbd, sizes.n_embd);
}

std::optional<LexiconSizes> read_lexicon_sizes(const GgufFile& file) {
  if (!file.has(lexicon_keys::kWords)) return std::nullopt;
  LexiconSizes sizes{file.get_str_array(lexicon_keys::kNames), file.get_u32(lexicon_keys::kWords)};
  if (sizes.names.empty() || sizes.names.size() > kMaxProjectorSize || sizes.n_words == 0 ||
      sizes.n_words > kMaxLexiconWords)
    throw Error(ErrorKind::kModel, file.path().string() + ": a lexicon of " +
                                       std::to_string(sizes.names.size()) + " names of " +
                                       std::to_string(sizes.n_words) + " words, expected 1 to " +
                                       std::to_string(kMaxProjectorSize) + " of 1 to " +
                                       std::to_string(kMaxLexiconWords));
  return sizes;
}

void set_lexicon_metadata(GgufWriter* writer, const LexiconSizes& sizes) {
  writer->set_u32(lexicon_keys::kWords, sizes.n_words);
  writer->set_str_array(lexicon_keys::kNames, sizes.names);
}

void set_adapter_metadata(GgufWriter* writer, const std::string& architecture, float alpha) {
  writer->set_str(adapter_keys::kGeneralType, adapter_keys::kAdapter);
  writer->set_str("general.architecture", architecture);
  writer->set_str(adapter_keys::kType, adapter_keys::kLora);
  writer->set_f32(adapter_keys::kAlpha, alpha);
}

}  // namespace pandagpt
