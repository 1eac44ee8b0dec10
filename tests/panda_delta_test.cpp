// PandaGPT's delta checkpoints: names, types, and what must be refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "convert_support.h"
#include "panda_parity_fixtures.h"
#include "safetensors_writer.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::model_error;
using test::parity_fixture;
using testing::AllOf;
using testing::HasSubstr;
using Tensors = std::map<std::string, test::F32Tensor>;

constexpr const char* kQuery0 = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.";
constexpr const char* kValue1 = "llama_model.base_model.model.model.layers.1.self_attn.v_proj.";

Tensors parity_tensors() {
  const TensorSource source = open_tensor_source(parity_fixture("pytorch_model.pt"));
  Tensors tensors;
  for (const auto& [name, tensor] : source.tensors())
    tensors[name] = {tensor.shape, tensor.to_f32()};
  return tensors;
}

/// The same tensors under other names.
Tensors renamed(const std::function<std::string(std::string)>& rename) {
  Tensors tensors;
  for (auto& [name, tensor] : parity_tensors())
    tensors[rename(name)] = std::move(tensor);
  return tensors;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  if (const std::size_t at = text.find(from); at != std::string::npos)
    text.replace(at, from.size(), to);
  return text;
}

class PandaDeltaTest : public testing::Test {
 protected:
  PandaDeltaTest() { test::write_parity_llm(llm(), LLAMA_FTYPE_MOSTLY_F16); }

  fs::path llm() const { return folder_ / "llm.gguf"; }

  fs::path checkpoint_of(const Tensors& tensors) const {
    test::write_text(folder_ / "delta.safetensors", test::safetensors_bytes(tensors));
    return folder_ / "delta.safetensors";
  }

  PandaDelta open(const fs::path& checkpoint,
                  PandaDeltaOptions options = {.lora_alpha = 16}) const {
    return {checkpoint, llm(), options};
  }

  std::string error_of(const Tensors& tensors) const {
    return model_error([&] { open(checkpoint_of(tensors)); });
  }

  std::string error_of(const std::function<void(Tensors&)>& edit) const {
    Tensors tensors = parity_tensors();
    edit(tensors);
    return error_of(tensors);
  }

  std::string bytes_of_files(const PandaDelta& delta) const {
    delta.write_projector(folder_ / "p.gguf");
    delta.write_adapter(folder_ / "a.gguf");
    return test::read_text(folder_ / "p.gguf") + test::read_text(folder_ / "a.gguf");
  }

  test::TemporaryFolder folder_;
};

TEST_F(PandaDeltaTest, FilesHoldWhatTheCheckpointHas) {
  const PandaDelta delta = open(parity_fixture("pytorch_model.pt"));
  EXPECT_EQ(delta.n_in(), 20);
  EXPECT_EQ(delta.n_embd(), 32);
  EXPECT_EQ(delta.rank(), 8);
  EXPECT_EQ(delta.alpha(), 16);
  EXPECT_EQ(delta.n_ctx_train(), 512);
  bytes_of_files(delta);

  const Tensors tensors = parity_tensors();
  const GgufFile projector(folder_ / "p.gguf");
  EXPECT_EQ(projector.get_str("general.license"), "CC-BY-NC-4.0");
  EXPECT_EQ(projector.read_f32(projector_keys::kWeight, {20, 32}),
            tensors.at("llama_proj.weight").values);
  EXPECT_EQ(projector.read_f32(projector_keys::kBias, {32}), tensors.at("llama_proj.bias").values);

  const GgufFile adapter(folder_ / "a.gguf");
  EXPECT_EQ(adapter.get_f32(adapter_keys::kAlpha), 16);
  EXPECT_EQ(adapter.tensors().size(), 2U * 4 * 2);
  EXPECT_EQ(adapter.read_f32("blk.0.attn_q.weight.lora_a", {32, 8}),
            tensors.at(std::string(kQuery0) + "lora_A.default.weight").values);
  EXPECT_EQ(adapter.read_f32("blk.1.attn_v.weight.lora_b", {8, 32}),
            tensors.at(std::string(kValue1) + "lora_B.default.weight").values);
  // Heads of 8 rows: llama.cpp's second row is the fifth of transformers'.
  const std::vector<float> b = adapter.read_f32("blk.0.attn_q.weight.lora_b", {8, 32});
  const std::vector<float>& source =
      tensors.at(std::string(kQuery0) + "lora_B.default.weight").values;
  EXPECT_TRUE(std::equal(b.begin() + 8, b.begin() + 16, source.begin() + 4 * 8));
}

TEST_F(PandaDeltaTest, NamesWithOtherWrappersAreTheSame) {
  const std::string expected = bytes_of_files(open(parity_fixture("pytorch_model.pt")));
  const auto same = [&](const std::function<std::string(std::string)>& rename) {
    return bytes_of_files(open(checkpoint_of(renamed(rename)))) == expected;
  };
  EXPECT_TRUE(same([](std::string name) { return name; }));
  EXPECT_TRUE(same([](std::string name) { return "module." + name; }));
  EXPECT_TRUE(same([](std::string name) { return replaced(name, ".default", ""); }));
  EXPECT_TRUE(same([](std::string name) { return replaced(name, "llama_model.", ""); }));
  EXPECT_TRUE(same([](std::string name) {
    return "state_dict." + replaced(name, "llama_model.base_model.model.model.", "");
  }));
}

TEST_F(PandaDeltaTest, HalvesStayHalves) {
  std::string data;
  nlohmann::ordered_json header;
  for (const auto& [name, tensor] : parity_tensors()) {
    const std::size_t begin = data.size();
    std::vector<ggml_fp16_t> halves(tensor.values.size());
    ggml_fp32_to_fp16_row(tensor.values.data(), halves.data(),
                          static_cast<std::int64_t>(halves.size()));
    data.append(reinterpret_cast<const char*>(halves.data()), halves.size() * sizeof(halves[0]));
    header[name] = {
        {"dtype", "F16"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  test::write_text(folder_ / "h.safetensors", test::safetensors_bytes(header.dump(), data));
  bytes_of_files(open(folder_ / "h.safetensors"));
  const GgufFile adapter(folder_ / "a.gguf");
  for (const GgufTensor& tensor : adapter.tensors())
    EXPECT_EQ(tensor.type, GGML_TYPE_F16) << tensor.name;
  const GgufFile projector(folder_ / "p.gguf");
  EXPECT_EQ(projector.tensor(projector_keys::kWeight).type, GGML_TYPE_F16);
  EXPECT_EQ(projector.tensor(projector_keys::kBias).type, GGML_TYPE_F32);
}

TEST_F(PandaDeltaTest, TensorsThatDoNotFitAreListedByName) {
  const std::string query_a = std::string(kQuery0) + "lora_A.default.weight";
  const std::string value_b = std::string(kValue1) + "lora_B.default.weight";
  EXPECT_THAT(error_of([&](Tensors& tensors) {
                tensors.erase(query_a);
                tensors["llama_model.lm_head.weight"] = {{1}, {0}};
                tensors.at(value_b).shape = {8, 32};
              }),
              AllOf(HasSubstr(query_a + " is missing"),
                    HasSubstr("llama_model.lm_head.weight is not part of PandaGPT's delta"),
                    HasSubstr(value_b + " has the shape [8, 32], expected [32, 8]")));
  EXPECT_THAT(error_of([](Tensors& tensors) { tensors.erase("llama_proj.bias"); }),
              HasSubstr("llama_proj.bias is missing"));
  EXPECT_THAT(error_of([&](Tensors& tensors) {  // r of A and B differ
                tensors.at(query_a) = {{4, 32}, std::vector<float>(4 * 32)};
              }),
              HasSubstr(query_a + " has the shape [4, 32], expected [8, 32]"));
  EXPECT_THAT(error_of([&](Tensors& tensors) { tensors["module." + query_a] = tensors[query_a]; }),
              AllOf(HasSubstr("holds both"), HasSubstr("module." + query_a)));
}

TEST_F(PandaDeltaTest, OneForAnotherLanguageModelIsRefused) {
  const std::string wider = model_error([&] { open(parity_fixture("gqa.pt")); });
  EXPECT_THAT(wider,
              AllOf(HasSubstr("gqa.pt"), HasSubstr("q_proj.lora_B.weight has the shape [64, 4]"),
                    HasSubstr("expected [32, 4]")));
  Tensors deeper = parity_tensors();
  for (const auto& [name, tensor] : parity_tensors())
    if (name.find(".layers.1.") != std::string::npos)
      deeper[replaced(name, ".layers.1.", ".layers.2.")] = tensor;
  EXPECT_THAT(error_of(deeper), HasSubstr("layers.2.self_attn.k_proj.lora_A.default.weight is not "
                                          "part of PandaGPT's delta for llm.gguf"));
  const fs::path other = fs::path(PANDAGPT_FIXTURES) / "tiny-panda" / "projector.gguf";
  EXPECT_THAT(model_error([&] { PandaDelta(parity_fixture("pytorch_model.pt"), other); }),
              HasSubstr("architecture 'pandagpt-projector'"));
  test::write_parity_encoders(folder_ / "encoders.gguf");
  EXPECT_NO_THROW(open(parity_fixture("pytorch_model.pt"),
                       {.lora_alpha = 16, .encoders = folder_ / "encoders.gguf"}));
  const fs::path narrow = fs::path(PANDAGPT_FIXTURES) / "tiny-panda" / "encoders.gguf";
  EXPECT_THAT(model_error([&] {
                open(parity_fixture("pytorch_model.pt"), {.lora_alpha = 16, .encoders = narrow});
              }),
              HasSubstr("its embeddings have 24 numbers"));
}

TEST_F(PandaDeltaTest, ValuesThatAreNoNumbersAreRefusedByName) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(error_of([&](Tensors& tensors) {
                  tensors.at(std::string(kValue1) + "lora_B.default.weight").values[77] = bad;
                }),
                AllOf(HasSubstr("v_proj.lora_B.default.weight"), HasSubstr("not finite")));
    EXPECT_THAT(error_of([&](Tensors& tensors) { tensors.at("llama_proj.bias").values[0] = bad; }),
                HasSubstr("llama_proj.bias"));
  }
}

TEST_F(PandaDeltaTest, FilesThatAreNoDelta) {
  EXPECT_THAT(model_error([&] { open(folder_ / "none.pt"); }), HasSubstr("none.pt"));
  EXPECT_THAT(model_error([&] { open(parity_fixture("base/pytorch_model.bin")); }),
              HasSubstr("holds no llama_proj.weight"));
  EXPECT_THAT(error_of([](Tensors& tensors) {
                std::erase_if(tensors,
                              [](const auto& t) { return !t.first.starts_with("llama_p"); });
              }),
              HasSubstr("holds no *.lora_A.*"));
  for (const char* name : {"runs_command_zip.pt", "runs_command_legacy.pth"})
    EXPECT_THAT(model_error([&] { open(test::convert_fixture(name)); }),
                HasSubstr("refuses to run"));
  const std::string whole = test::read_text(parity_fixture("pytorch_model.pt"));
  for (const std::size_t size : {whole.size() - 1, whole.size() / 2, std::size_t{100}}) {
    test::write_text(folder_ / "cut.pt", whole.substr(0, size));
    EXPECT_THAT(model_error([&] { open(folder_ / "cut.pt"); }), HasSubstr("cut.pt")) << size;
  }
}

TEST_F(PandaDeltaTest, AlphaMustBeAboveZero) {
  for (const float alpha : {0.0F, -1.0F, std::nanf("")}) {
    const Error error =
        test::error_of([&] { open(parity_fixture("pytorch_model.pt"), {.lora_alpha = alpha}); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("alpha"));
  }
  EXPECT_EQ(open(parity_fixture("pytorch_model.pt"), {}).alpha(), 32) << "the reference's";
}

}  // namespace
}  // namespace pandagpt
