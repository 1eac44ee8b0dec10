// A server whose model has all senses, with files that are sent to it.
#pragma once

#include "convert/synthetic_panda.h"
#include "imagebind_fixtures.h"
#include "pipeline/manifest.h"
#include "server_support.h"

namespace pandagpt::test {

namespace fs = std::filesystem;

inline const fs::path kExamples = fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data";

inline std::string example(const std::string& name) {
  return read_text(kExamples / name);
}

/// The tiny language model behind the tiny ImageBind: a model with all senses and a text tower.
inline void make_six_sense_model(const fs::path& folder) {
  const fs::path tiny = fs::path(PANDAGPT_FIXTURES) / "tiny-panda";
  fs::create_directories(folder);
  fs::copy_file(tiny / "llm.gguf", folder / "llm.gguf");
  TinyEdit with_tokenizer;
  with_tokenizer.metadata = [](GgufWriter& writer) {
    const std::vector<std::string> merges{"a n", "d o", "do g</w>", "t h", "th e</w>", "o f</w>"};
    writer.set_str_array(encoder_keys::kTokenizerMerges, merges);
  };
  write_tiny_encoders(folder / "encoders.gguf", with_tokenizer);
  Manifest manifest = read_manifest(tiny);
  SyntheticPanda sizes;
  sizes.towers = {tiny_config(TowerKind::kVision)};
  sizes.llm.n_embd = LlmModel(tiny / "llm.gguf").n_embd();
  write_synthetic_projector(sizes, folder / "projector.gguf");
  manifest.folder = folder;
  manifest.name = "six-senses";
  manifest.embedding_width = sizes.towers.front().n_embd;
  manifest.adapter.reset();
  for (ManifestFile* file : {&manifest.encoders, &manifest.projector, &manifest.llm})
    *file = {file->role, folder / file->path.filename()};
  write_manifest(manifest);
}

class ServerMediaTest : public ServerTest {
 protected:
  ServerMediaTest() { make_six_sense_model(model_); }

  ServerOptions six_senses() const {
    ServerOptions with = options();
    with.model = model_.string();
    return with;
  }
  static json about(json part) {
    return {{"messages",
             {{{"role", "user"},
               {"content", {std::move(part), {{"type", "text"}, {"text", "What is it?"}}}}}}},
            {"max_tokens", 2}};
  }
  std::vector<float> embed(const json& input) {
    const Reply reply = post("/v1/embeddings", {{"input", input}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.value()["data"][0]["embedding"];
  }
  Reply upload(const std::string& bytes, const std::string& name = "f.bin",
               const httplib::Headers& headers = {}) {
    return reply_of(server().client().Post(
        "/v1/files", headers,
        httplib::MultipartFormDataItems{{"purpose", "vision", "", ""},
                                        {"file", bytes, name, "image/png"}}));
  }
  Reply remove(const std::string& id, const httplib::Headers& headers = {}) {
    return reply_of(server().client().Delete("/v1/files/" + id, headers));
  }
  static json picture_of(const std::string& id) {
    return {{"type", "image_url"}, {"image_url", {{"file_id", id}}}};
  }
  std::ptrdiff_t n_stored() const {
    return std::distance(fs::directory_iterator(folder_ / "files" / "objects"), {});
  }

  const fs::path model_ = folder_ / "model";
};

}  // namespace pandagpt::test
