// llama.cpp's quantiser behind our errors, progress and atomic output.
#include "convert/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "convert/imatrix.h"
#include "convert/vicuna.h"
#include "core/file.h"
#include "llm/llm_model.h"
#include "tensor/gguf_file.h"
#include "test_support.h"
#include "vicuna_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

class QuantizeTest : public testing::Test {
 protected:
  static QuantizeOptions options_for(llama_ftype type) {
    QuantizeOptions options;
    options.type = type;
    options.n_threads = 1;
    return options;
  }

  Error error_of(const fs::path& input, const QuantizeOptions& options) const {
    const Error error = test::error_of([&] { quantize_llm(input, folder_ / "out.gguf", options); });
    for (const std::string& name : test::names_in(folder_.path()))
      EXPECT_FALSE(name.starts_with("out.gguf")) << name;
    return error;
  }

  /// A model whose rows are 256 long.
  fs::path wide_model(llama_ftype type = LLAMA_FTYPE_MOSTLY_F16) const {
    if (!fs::exists(folder_ / "wide")) test::write_wide_llama(folder_ / "wide");
    convert_vicuna(folder_ / "wide", folder_ / "wide.gguf", {.type = type, .n_threads = 1});
    return folder_ / "wide.gguf";
  }

  fs::path tiny_model() const {
    convert_vicuna(test::vicuna_fixture("base"), folder_ / "tiny.gguf",
                   {.type = LLAMA_FTYPE_ALL_F32, .n_threads = 1});
    return folder_ / "tiny.gguf";
  }

  fs::path write_imatrix(const fs::path& model) const {
    const GgufFile file(model);
    GgufWriter writer;
    writer.set_str("general.type", "imatrix");
    for (const GgufTensor& tensor : file.tensors()) {
      if (tensor.shape.size() < 2) continue;
      const std::vector<float> sums(static_cast<std::size_t>(tensor.shape.front()), 6.0F);
      writer.add_f32(tensor.name + ".in_sum2", {tensor.shape.front()}, sums);
      writer.add_f32(tensor.name + ".counts", {1}, std::vector<float>{2.0F});
    }
    writer.write(folder_ / "imatrix.gguf");
    return folder_ / "imatrix.gguf";
  }

  test::TemporaryFolder folder_;
};

/// ggml needs seconds to make the tables of these.
bool is_slow(std::string_view type) {
  return type.starts_with("iq1") || (type.starts_with("iq2") && type != "iq2_xxs") ||
         type == "iq3_xxs" || type == "iq3_xs";
}

TEST_F(QuantizeTest, EveryTypeGivesAModelThatRuns) {
  const fs::path model = wide_model();
  const fs::path imatrix = write_imatrix(model);
  double largest = 1e9;
  for (const FileType& type : file_types()) {
    EXPECT_LE(type.gib_7b, largest) << type.name << ": the list is sorted";
    largest = type.gib_7b;
    if (is_slow(type.name)) continue;
    QuantizeOptions options = options_for(type.type);
    options.imatrix = imatrix;
    const fs::path output = folder_ / (std::string(type.name) + ".gguf");
    const QuantizeResult result = quantize_llm(model, output, options);
    EXPECT_EQ(result.bytes_before, fs::file_size(model));
    EXPECT_EQ(result.bytes_after, fs::file_size(output));
    EXPECT_EQ(GgufFile(output).get_u32("general.file_type"), type.type) << type.name;
    const auto scores = test::last_scores(LlmModel(output), {1, 300, 301});
    EXPECT_TRUE(std::ranges::all_of(scores.back(), [](float x) { return std::isfinite(x); }))
        << type.name;
    fs::remove(output);
  }
}

TEST_F(QuantizeTest, NarrowModelsGetTypesThatFit) {
  const QuantizeResult result =
      quantize_llm(tiny_model(), folder_ / "out.gguf", options_for(LLAMA_FTYPE_MOSTLY_Q4_K_M));
  EXPECT_LT(result.bytes_after, result.bytes_before / 3);
  const GgufFile file(folder_ / "out.gguf");
  EXPECT_EQ(file.tensor("blk.0.attn_q.weight").type, GGML_TYPE_Q5_0);
  EXPECT_EQ(file.tensor("output.weight").type, GGML_TYPE_Q8_0);
  EXPECT_LT(test::worst_difference(LlmModel(folder_ / "out.gguf"), "base"), 1.0F);
}

TEST_F(QuantizeTest, ScoresStayClose) {
  quantize_llm(tiny_model(), folder_ / "out.gguf", options_for(LLAMA_FTYPE_MOSTLY_Q8_0));
  EXPECT_LT(test::worst_difference(LlmModel(folder_ / "out.gguf"), "base"), 0.2F);
}

TEST_F(QuantizeTest, ConvertingDirectlyIsTheSame) {
  quantize_llm(wide_model(), folder_ / "a.gguf", options_for(LLAMA_FTYPE_MOSTLY_Q4_K_M));
  const fs::path direct = wide_model(LLAMA_FTYPE_MOSTLY_Q4_K_M);
  EXPECT_EQ(sha256_file(folder_ / "a.gguf"), sha256_file(direct));
  EXPECT_THAT(test::names_in(folder_.path()), ElementsAre("a.gguf", "wide", "wide.gguf"))
      << "the 16-bit file is gone";
}

TEST_F(QuantizeTest, TypesOfSingleTensors) {
  QuantizeOptions options = options_for(LLAMA_FTYPE_MOSTLY_Q4_0);
  options.output_type = find_tensor_type("Q8_0");
  options.embedding_type = find_tensor_type("q6_K");
  quantize_llm(wide_model(), folder_ / "out.gguf", options);
  {
    const GgufFile file(folder_ / "out.gguf");
    EXPECT_EQ(file.tensor("output.weight").type, GGML_TYPE_Q8_0);
    EXPECT_EQ(file.tensor("token_embd.weight").type, GGML_TYPE_Q6_K);
    EXPECT_EQ(file.tensor("blk.0.attn_q.weight").type, GGML_TYPE_Q4_0);
  }
  options = options_for(LLAMA_FTYPE_MOSTLY_Q4_K_M);
  options.pure = true;
  options.leave_output = true;
  quantize_llm(wide_model(), folder_ / "out.gguf", options);
  const GgufFile file(folder_ / "out.gguf");
  EXPECT_EQ(file.tensor("output.weight").type, GGML_TYPE_F16);
  EXPECT_EQ(file.tensor("token_embd.weight").type, GGML_TYPE_Q4_K);
  EXPECT_EQ(file.tensor("blk.0.attn_v.weight").type, GGML_TYPE_Q4_K);

  options = options_for(LLAMA_FTYPE_MOSTLY_Q4_0);
  options.embedding_type = GGML_TYPE_Q6_K;
  fs::remove(folder_ / "out.gguf");
  const Error narrow = error_of(tiny_model(), options);
  EXPECT_EQ(narrow.kind(), ErrorKind::kUsage);
  EXPECT_THAT(narrow.what(), HasSubstr("rows of 32 values, which can't be stored as q6_K"));
}

TEST_F(QuantizeTest, ImportanceMatrices) {
  const fs::path model = wide_model();
  QuantizeOptions options = options_for(LLAMA_FTYPE_MOSTLY_IQ2_XXS);
  const Error without = error_of(model, options);
  EXPECT_EQ(without.kind(), ErrorKind::kUsage);
  EXPECT_THAT(without.what(), AllOf(HasSubstr("iq2_xxs"), HasSubstr("--imatrix")));

  const fs::path imatrix = write_imatrix(model);
  EXPECT_THAT(read_importance_matrix(imatrix).at("output.weight"), testing::Each(3.0F));
  options.imatrix = model;
  EXPECT_THAT(error_of(model, options).what(), HasSubstr("no importance matrix"));
  options.imatrix = folder_ / "none";
  EXPECT_EQ(error_of(model, options).kind(), ErrorKind::kModel);
}

TEST_F(QuantizeTest, InputsThatAreNoLanguageModel) {
  const auto message = [&](const fs::path& input) {
    const Error error = error_of(input, options_for(LLAMA_FTYPE_MOSTLY_Q8_0));
    EXPECT_EQ(error.kind(), ErrorKind::kModel) << input;
    return std::string(error.what());
  };
  EXPECT_THAT(message(kFixtures / "tiny-panda" / "encoders.gguf"),
              HasSubstr("is no language model (pandagpt-encoders)"));
  EXPECT_THAT(message(kFixtures / "tiny-panda" / "adapter.gguf"), HasSubstr("is an adapter"));
  EXPECT_THAT(message(kFixtures / "tiny-panda" / "panda.json"), HasSubstr("not a GGUF file"));
  EXPECT_THAT(message(folder_ / "none.gguf"), HasSubstr("none.gguf"));
  const std::string bytes = test::read_text(tiny_model());
  test::write_text(folder_ / "cut.gguf", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(message(folder_ / "cut.gguf"), HasSubstr("truncated"));

  GgufWriter writer;
  writer.set_str("general.architecture", "unheard-of");
  writer.set_str("tokenizer.ggml.model", "llama");
  writer.add_f32("token_embd.weight", {1}, std::vector<float>{1});
  writer.write(folder_ / "other.gguf");
  EXPECT_THAT(message(folder_ / "other.gguf"), HasSubstr("unheard-of"));
  writer.set_str("general.architecture", "llama");
  writer.set_str("llama.rope.scaling.type", "spiral");
  writer.write(folder_ / "spiral.gguf");
  EXPECT_THAT(message(folder_ / "spiral.gguf"), HasSubstr("\"spiral\""));
}

TEST_F(QuantizeTest, QuantisedInputsNeedAWord) {
  const fs::path model = wide_model(LLAMA_FTYPE_MOSTLY_Q8_0);
  QuantizeOptions options = options_for(LLAMA_FTYPE_MOSTLY_Q4_0);
  const Error error = error_of(model, options);
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("quantised already"), HasSubstr("--allow-requantize")));
  options.allow_requantize = true;
  quantize_llm(model, folder_ / "out.gguf", options);
  EXPECT_EQ(GgufFile(folder_ / "out.gguf").tensor("blk.0.attn_q.weight").type, GGML_TYPE_Q4_0);
}

TEST_F(QuantizeTest, ProgressCanEndTheWork) {
  const fs::path model = tiny_model();
  QuantizeOptions options = options_for(LLAMA_FTYPE_MOSTLY_Q8_0);
  std::vector<int> done;
  options.on_tensor = [&](int index, int total) {
    EXPECT_EQ(total, 21);
    done.push_back(index);
    if (index == 5) throw std::runtime_error("interrupted");
  };
  EXPECT_THROW(quantize_llm(model, folder_ / "out.gguf", options), std::runtime_error);
  EXPECT_THAT(done, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(test::names_in(folder_.path()), ElementsAre("tiny.gguf"));
}

TEST_F(QuantizeTest, OutputsThatCantBeWritten) {
  const fs::path model = tiny_model();
  const auto error = [&](const fs::path& output) {
    return test::error_of(
        [&] { quantize_llm(model, output, options_for(LLAMA_FTYPE_MOSTLY_Q8_0)); });
  };
  EXPECT_EQ(error(folder_ / "missing" / "out.gguf").kind(), ErrorKind::kInternal);
  const Error same = error(folder_ / "." / "tiny.gguf");
  EXPECT_EQ(same.kind(), ErrorKind::kUsage);
  EXPECT_THAT(same.what(), HasSubstr("would replace the input"));
}

TEST(FileTypes, Names) {
  EXPECT_EQ(find_file_type("Q4_K_M"), LLAMA_FTYPE_MOSTLY_Q4_K_M);
  EXPECT_EQ(find_file_type("q5_k"), LLAMA_FTYPE_MOSTLY_Q5_K_M);
  EXPECT_EQ(find_file_type("q9"), std::nullopt);
  EXPECT_EQ(file_type_name(LLAMA_FTYPE_MOSTLY_Q6_K), "q6_k");
  EXPECT_EQ(find_tensor_type("Q4_k"), GGML_TYPE_Q4_K);
  EXPECT_EQ(find_tensor_type("q8_1"), std::nullopt) << "of no use in files";
  EXPECT_EQ(find_tensor_type("iq2_xxs"), std::nullopt) << "needs an importance matrix";
  EXPECT_EQ(find_tensor_type("i32"), std::nullopt);
}

}  // namespace
}  // namespace pandagpt
