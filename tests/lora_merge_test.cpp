// Merging a LoRA adapter into its language model: values, types, what stays, what is refused.
#include "convert/lora_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "convert/quantize.h"
#include "convert_support.h"
#include "core/file.h"
#include "llm/llm_model.h"
#include "tensor/panda_weights.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::model_error;
using testing::HasSubstr;

constexpr std::int64_t kColumns = 64;
constexpr std::int64_t kRows = 3000;  // more than one slice of rows
constexpr std::int64_t kRank = 5;     // not a multiple of those taken at a time
constexpr float kAlpha = 4;
constexpr const char* kWeight = "blk.0.attn_q.weight";
constexpr const char* kOther = "blk.0.ffn_up.weight";

std::vector<float> numbers(std::int64_t count, int seed) {
  std::vector<float> values(count);
  for (std::int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>((i * 7919 + seed * 104729) % 2003) / 1001 - 1;
  return values;
}

void add_as(GgufWriter& writer, const char* name, ggml_type type,
            const std::vector<float>& values) {
  Bytes data(ggml_row_size(type, kColumns) * kRows);
  ggml_quantize_chunk(type, values.data(), data.data(), 0, kRows, kColumns, nullptr);
  writer.add_tensor(name, type, {kColumns, kRows}, data);
}

class LoraMergeTest : public testing::Test {
 protected:
  LoraMergeTest() { write_adapter(); }

  fs::path base() const { return folder_ / "base.gguf"; }
  fs::path adapter() const { return folder_ / "adapter.gguf"; }
  fs::path output() const { return folder_ / "merged.gguf"; }

  void write_base(ggml_type type) const {
    GgufWriter writer;
    writer.set_str("general.architecture", "llama");
    writer.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-6F);
    writer.set_str_array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "", "\u2581b"});
    writer.set_u32_array("empty", std::vector<std::uint32_t>{});
    writer.set_bool("flag", true);
    writer.add_f32("output_norm.weight", {kColumns}, numbers(kColumns, 3));
    add_as(writer, kWeight, type, numbers(kColumns * kRows, 1));
    add_as(writer, kOther, type, numbers(kColumns * kRows, 2));
    writer.write(base());
  }

  void write_adapter(const std::function<void(GgufWriter&)>& more = {}, float first = 0.5F,
                     const char* name = kWeight, std::int64_t rows = kRows) const {
    GgufWriter writer;
    set_adapter_metadata(&writer, "llama", kAlpha);
    std::vector<float> a = numbers(kColumns * kRank, 4);
    a[0] = first;
    writer.add_f32(std::string(name) + ".lora_a", {kColumns, kRank}, a);
    writer.add_f32(std::string(name) + ".lora_b", {kRank, rows}, numbers(kRank * rows, 5));
    if (more) more(writer);
    writer.write(adapter());
  }

  /// W + factor B A, in double from what the files hold.
  std::vector<double> expected(double factor) const {
    const GgufFile base_file(base());
    const GgufFile lora(adapter());
    const std::vector<float> w = base_file.read_f32(kWeight);
    const std::vector<float> a = lora.read_f32(std::string(kWeight) + ".lora_a");
    const std::vector<float> b = lora.read_f32(std::string(kWeight) + ".lora_b");
    std::vector<double> sum(w.begin(), w.end());
    for (std::int64_t row = 0; row < kRows; ++row)
      for (std::int64_t i = 0; i < kRank; ++i)
        for (std::int64_t column = 0; column < kColumns; ++column)
          sum[row * kColumns + column] += factor * b[row * kRank + i] * a[i * kColumns + column];
    return sum;
  }

  /// The largest difference of the merged tensor from what it should be.
  double difference(double scale = 1) const {
    const std::vector<double> wanted = expected(scale * kAlpha / kRank);
    const std::vector<float> found = GgufFile(output()).read_f32(kWeight);
    double most = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      most = std::max(most, std::abs(wanted[i] - found[i]));
    return most;
  }

  void expect_rest_unchanged() const {
    const GgufFile before(base());
    const GgufFile after(output());
    EXPECT_EQ(after.keys(), before.keys());
    for (const std::string& key : before.keys())
      EXPECT_EQ(after.value_text(key), before.value_text(key)) << key;
    ASSERT_EQ(after.tensors().size(), before.tensors().size());
    for (std::size_t i = 0; i < before.tensors().size(); ++i) {
      const GgufTensor& old = before.tensors()[i];
      const GgufTensor& now = after.tensors()[i];
      EXPECT_EQ(now.name, old.name);
      EXPECT_EQ(now.shape, old.shape);
      if (old.name == kWeight) continue;
      EXPECT_EQ(now.type, old.type);
      EXPECT_TRUE(std::ranges::equal(now.data, old.data)) << old.name;
    }
  }

  ggml_type type_of(const char* name) const { return GgufFile(output()).tensor(name).type; }
  std::string error_text(const LoraMerge& options = {}) const {
    return model_error([&] { merge_lora(base(), adapter(), output(), options); });
  }

  test::TemporaryFolder folder_;
};

TEST_F(LoraMergeTest, AddsTheScaledProduct) {
  write_base(GGML_TYPE_F32);
  for (const int n_threads : {1, 3}) {
    merge_lora(base(), adapter(), output(), {.n_threads = n_threads});
    EXPECT_EQ(type_of(kWeight), GGML_TYPE_F32);
    EXPECT_LT(difference(), 2e-6);
    expect_rest_unchanged();
  }
  merge_lora(base(), adapter(), output(), {.scale = -0.25F});
  EXPECT_LT(difference(-0.25), 2e-6);
  merge_lora(base(), adapter(), output(), {.scale = 0});
  EXPECT_EQ(test::read_text(output()), test::read_text(base()));
}

TEST_F(LoraMergeTest, HalvesStayAndQuantisedTypesBecomeHalves) {
  struct Row {
    ggml_type before, after;
    double tolerance;  // values up to 6
  };
  for (const Row& row : {Row{GGML_TYPE_F16, GGML_TYPE_F16, 2e-3},
                         {GGML_TYPE_BF16, GGML_TYPE_BF16, 2e-2},
                         {GGML_TYPE_Q8_0, GGML_TYPE_F16, 2e-3},
                         {GGML_TYPE_Q4_0, GGML_TYPE_F16, 2e-3}}) {
    SCOPED_TRACE(ggml_type_name(row.before));
    write_base(row.before);
    merge_lora(base(), adapter(), output());
    EXPECT_EQ(type_of(kWeight), row.after);
    EXPECT_LT(difference(), row.tolerance);
    expect_rest_unchanged();
  }
  write_base(GGML_TYPE_Q8_0);
  std::uint64_t last = 0;
  merge_lora(base(), adapter(), output(),
             {.keep_types = true, .on_progress = [&](std::uint64_t done, std::uint64_t total) {
                EXPECT_GE(done, last);
                last = done;
                EXPECT_EQ(total, fs::file_size(base()));
              }});
  EXPECT_EQ(type_of(kWeight), GGML_TYPE_Q8_0);
  EXPECT_LT(difference(), 3e-2);
  EXPECT_EQ(last, fs::file_size(output()));
  expect_rest_unchanged();
}

TEST_F(LoraMergeTest, AnotherTypeIsOneForTheWholeFile) {
  const fs::path llm = fs::path(PANDAGPT_FIXTURES) / "tiny-panda" / "llm.gguf";
  const fs::path lora = fs::path(PANDAGPT_FIXTURES) / "tiny-panda" / "adapter.gguf";
  merge_lora(llm, lora, output(), {.type = LLAMA_FTYPE_MOSTLY_Q8_0});
  EXPECT_EQ(type_of(kWeight), GGML_TYPE_Q8_0);
  EXPECT_EQ(type_of("blk.0.ffn_up.weight"), GGML_TYPE_Q8_0);
  EXPECT_NO_THROW(LlmModel{output()});
  for (const auto& entry : fs::directory_iterator(folder_.path()))
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("merged.gguf.")));

  write_base(GGML_TYPE_Q8_0);
  const auto requantize = [&] {
    merge_lora(base(), adapter(), output(), {.type = LLAMA_FTYPE_MOSTLY_Q4_0});
  };
  const Error error = test::error_of(requantize);
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), HasSubstr("--allow-requantize"));
}

TEST_F(LoraMergeTest, WhatDoesNotFitIsRefusedByName) {
  write_base(GGML_TYPE_F32);
  write_adapter([](GgufWriter& writer) {
    writer.add_f32("blk.0.attn_k.weight.lora_a", {2}, {{1, 2}});
  });
  EXPECT_THAT(error_text(), HasSubstr("blk.0.attn_k.weight has no .lora_b"));
  write_adapter([](GgufWriter& writer) { writer.add_f32("blk.0.norm.weight", {2}, {{1, 2}}); });
  EXPECT_THAT(error_text(), HasSubstr("blk.0.norm.weight is no part of a LoRA pair"));
  write_adapter({}, 0.5F, "blk.9.attn_q.weight");
  EXPECT_THAT(error_text(), HasSubstr("blk.9.attn_q.weight is not in"));
  write_adapter({}, 0.5F, kWeight, kRows + 1);
  EXPECT_THAT(error_text(), HasSubstr("made for another model"));
  write_adapter({}, std::nanf(""));
  EXPECT_THAT(error_text(), HasSubstr(std::string(kWeight) + " holds values that are not finite"));
  EXPECT_FALSE(fs::exists(output())) << "nothing is left of what failed";
  write_base(GGML_TYPE_F16);
  write_adapter({}, 1e6F);
  EXPECT_THAT(error_text(), HasSubstr("too large for f16"));
  write_adapter([](GgufWriter& writer) {
    writer.set_u32_array(adapter_keys::kInvocationTokens, std::vector<std::uint32_t>{1});
  });
  EXPECT_THAT(error_text(), HasSubstr("aLoRA"));
  write_adapter([](GgufWriter& writer) { writer.set_str("general.architecture", "qwen2"); });
  EXPECT_THAT(error_text(), HasSubstr("architecture 'qwen2', the base is 'llama'"));
}

TEST_F(LoraMergeTest, FilesInEachOthersPlaceAreRefused) {
  write_base(GGML_TYPE_F32);
  EXPECT_THAT(model_error([&] { merge_lora(adapter(), base(), output()); }),
              HasSubstr("is no LoRA adapter"));
  EXPECT_THAT(model_error([&] { merge_lora(adapter(), adapter(), output()); }),
              HasSubstr("is an adapter itself"));
  EXPECT_THAT(model_error([&] { merge_lora(folder_ / "none", adapter(), output()); }),
              HasSubstr("none"));
  for (const fs::path& input : {base(), adapter()}) {
    const Error error = test::error_of([&] { merge_lora(base(), adapter(), input); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("would replace an input"));
  }
  const Error error =
      test::error_of([&] { merge_lora(base(), adapter(), output(), {.scale = std::nanf("")}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
}

}  // namespace
}  // namespace pandagpt
