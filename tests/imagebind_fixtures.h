// The tiny ImageBind of tests/fixtures/imagebind (tools/reference/make_imagebind_fixtures.py).
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "convert/tensor_source.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tensors.h"
#include "tensor/gguf_file.h"

namespace pandagpt::test {

inline std::filesystem::path imagebind_fixture(const std::string& name) {
  return std::filesystem::path(PANDAGPT_FIXTURES) / "imagebind" / name;
}

/// The sizes in tiny.json.
inline TowerConfig tiny_config(TowerKind tower) {
  std::ifstream in(imagebind_fixture("tiny.json"));
  const nlohmann::json sizes = nlohmann::json::parse(in);
  const nlohmann::json& row = sizes["towers"][tower_name(tower)];
  TowerConfig config{.tower = tower,
                     .width = row["width"],
                     .n_blocks = row["block_count"],
                     .n_heads = row["head_count"],
                     .n_ff = row["feed_forward_length"],
                     .n_embd = sizes["embedding_length"]};
  if (config.is_text()) {
    config.context_length = row["context_length"];
    config.vocab_size = row["vocab_size"];
    return config;
  }
  const std::vector<int> input = row["input"];
  const std::vector<int> kernel = row["kernel"];
  const std::vector<int> stride = row["stride"];
  config.stem = {.channels = input[0],
                 .input = {input[1], input[2], input[3]},
                 .kernel = {kernel[0], kernel[1], kernel[2]},
                 .stride = {stride[0], stride[1], stride[2]}};
  return config;
}

/// How write_tiny_encoders departs from the fixture.
struct TinyEdit {
  std::vector<TowerKind> towers = {kImageBindTowers.begin(), kImageBindTowers.end()};
  ggml_type matrix_type = GGML_TYPE_F32;  ///< of the matrices whose rows are whole blocks
  std::function<void(GgufWriter&)> metadata = [](GgufWriter&) {};  ///< after all other metadata
  std::function<void(ImageBindTensor&)> tensor = [](ImageBindTensor&) {};  ///< an empty name: none
};

/// Writes tiny.pth as an encoders file, tensor by tensor as the registry says.
inline void write_tiny_encoders(const std::filesystem::path& path, const TinyEdit& edit = {}) {
  const TensorSource source = open_tensor_source(imagebind_fixture("tiny.pth"));
  GgufWriter writer;
  writer.set_str(encoder_keys::kArchitecture, encoder_keys::kEncodersArchitecture);
  writer.set_u32(encoder_keys::kFormatVersion, encoder_keys::kEncoderFormatVersion);
  writer.set_u32(encoder_keys::kEmbeddingLength, tiny_config(TowerKind::kVision).n_embd);
  for (const TowerKind tower : edit.towers)
    write_tower_config(writer, tiny_config(tower));
  edit.metadata(writer);
  for (const TowerKind tower : edit.towers) {
    for (ImageBindTensor tensor : imagebind_tensors(tiny_config(tower))) {
      const std::vector<float> values = source.tensor(tensor.source).to_f32();
      edit.tensor(tensor);
      if (tensor.name.empty()) continue;
      const bool whole_blocks = tensor.shape[0] % ggml_blck_size(edit.matrix_type) == 0;
      const ggml_type type = tensor.is_matrix && whole_blocks ? edit.matrix_type : GGML_TYPE_F32;
      Bytes data(ggml_row_size(type, tensor.shape[0]) * (values.size() / tensor.shape[0]));
      ggml_quantize_chunk(type, values.data(), data.data(), 0,
                          static_cast<std::int64_t>(values.size()) / tensor.shape[0],
                          tensor.shape[0], nullptr);
      data.resize(ggml_row_size(type, tensor.shape[0]) *
                  (tensor.shape.size() > 1 ? tensor.shape[1] : 1));
      writer.add_tensor(tensor.name, type, tensor.shape, data);
    }
  }
  writer.write(path);
}

/// Inputs of the fixtures: exact in binary, between -1 and 1.
inline std::vector<float> tiny_values(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(i * 7919 % 16381) / 8192 - 1;
  return values;
}

}  // namespace pandagpt::test
