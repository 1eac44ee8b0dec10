// The tiny PandaGPT of tests/fixtures/panda_parity (tools/reference/make_panda_parity_fixtures.py).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "convert/imagebind.h"
#include "convert/panda_delta.h"
#include "convert/vicuna.h"
#include "imagebind_fixtures.h"
#include "test_support.h"

namespace pandagpt::test {

inline std::filesystem::path parity_fixture(const std::string& name) {
  return std::filesystem::path(PANDAGPT_FIXTURES) / "panda_parity" / name;
}

inline const nlohmann::json& parity_expected() {
  static const auto expected = nlohmann::json::parse(read_text(parity_fixture("expected.json")));
  return expected;
}

inline float parity_alpha() {
  return parity_expected().at("alpha");
}

/// Fills `folder` with what transformers would load: the parity fixture's weights, and sizes and
/// tokenizer of tests/fixtures/vicuna/base.
inline void write_parity_checkpoint(const std::filesystem::path& folder) {
  const auto vicuna = std::filesystem::path(PANDAGPT_FIXTURES) / "vicuna" / "base";
  std::filesystem::create_directories(folder);
  for (const char* name :
       {"config.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json"})
    std::filesystem::copy_file(vicuna / name, folder / name);
  std::filesystem::copy_file(parity_fixture("base/pytorch_model.bin"),
                             folder / "pytorch_model.bin");
}

/// The language model as a GGUF file.
inline void write_parity_llm(const std::filesystem::path& path, llama_ftype type) {
  const std::filesystem::path checkpoint = path.string() + ".checkpoint";
  write_parity_checkpoint(checkpoint);
  convert_vicuna(checkpoint, path, {.type = type});
  std::filesystem::remove_all(checkpoint);
}

/// The encoders whose embeddings stand in expected.json.
inline void write_parity_encoders(const std::filesystem::path& path) {
  convert_imagebind(
      imagebind_fixture("tiny.pth"), path,
      {.type = GGML_TYPE_F32,
       .towers = {TowerKind::kVision, TowerKind::kAudio, TowerKind::kThermal},
       .n_heads = {{TowerKind::kVision, 4}, {TowerKind::kAudio, 4}, {TowerKind::kThermal, 2}}});
}

/// Files of one model folder, converted from the fixtures.
struct ParityFiles {
  std::filesystem::path llm;
  std::filesystem::path projector;
  std::filesystem::path adapter;

  /// In f32 if nothing else is said.
  explicit ParityFiles(const std::filesystem::path& folder, llama_ftype type = LLAMA_FTYPE_ALL_F32)
      : llm(folder / "llm.gguf"),
        projector(folder / "projector.gguf"),
        adapter(folder / "adapter.gguf") {
    write_parity_llm(llm, type);
    const PandaDelta delta(parity_fixture("pytorch_model.pt"), llm, {.lora_alpha = parity_alpha()});
    delta.write_projector(projector);
    delta.write_adapter(adapter);
  }
};

/// Rows of embeddings of the inputs named in `inputs` ("image", ..).
inline std::vector<float> parity_embeddings(const nlohmann::json& inputs) {
  std::vector<float> rows;
  for (const nlohmann::json& kind : inputs) {
    const auto row = parity_expected()
                         .at("inputs")
                         .at(kind.get<std::string>())
                         .at("embedding")
                         .get<std::vector<float>>();
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

}  // namespace pandagpt::test
