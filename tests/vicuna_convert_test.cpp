// LLaMA-type folders of transformers -> GGUF. Expected scores are transformers', token ids
// sentencepiece's, sums of base and delta torch's (tools/reference/make_vicuna_fixtures.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "convert/llama_config.h"
#include "convert/llama_tensors.h"
#include "convert/llama_vocabulary.h"
#include "convert/sentencepiece_model.h"
#include "convert/vicuna.h"
#include "convert_support.h"
#include "llm/llm_model.h"
#include "tensor/gguf_file.h"
#include "vicuna_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::model_error;
using test::vicuna_expected;
using test::vicuna_fixture;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr float kScoreTolerance = 1e-3F;  // f32 against f32; only the order of sums differs

class VicunaConvertTest : public testing::Test {
 protected:
  fs::path output() const { return folder_ / "out.gguf"; }

  /// A copy of a fixture, to be damaged.
  fs::path copy_of(const std::string& name) const {
    fs::copy(vicuna_fixture(name), folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }

  /// The message of the Error(kModel) of a conversion, which must leave nothing behind.
  std::string error_of(const fs::path& folder, const fs::path& delta = {}) const {
    std::string message =
        model_error([&] { convert_vicuna(folder, output(), {.delta = delta, .n_threads = 1}); });
    for (const std::string& name : test::names_in(folder_.path()))
      EXPECT_FALSE(name.starts_with("out.gguf")) << name;
    return message;
  }

  /// The same for gqa/ with one field of a JSON file set to `value`.
  std::string error_with(const std::string& file, const std::string& field,
                         const nlohmann::json& value) const {
    const fs::path folder = folder_ / "gqa";
    fs::remove_all(folder);
    copy_of("gqa");
    nlohmann::json table = nlohmann::json::parse(test::read_text(folder / file));
    table[field] = value;
    fs::remove(folder / file);
    test::write_text(folder / file, table.dump());
    return error_of(folder);
  }

  LlmModel converted(const std::string& name, VicunaConversion conversion = {}) const {
    conversion.n_threads = 1;
    convert_vicuna(vicuna_fixture(name), output(), conversion);
    return LlmModel(output());
  }

  test::TemporaryFolder folder_;
};

// --- the same scores and tokens as the reference -------------------------------------------------

TEST_F(VicunaConvertTest, ScoresOfShardsEqualTransformers) {
  const LlmModel model = converted("base", {.type = LLAMA_FTYPE_ALL_F32});
  EXPECT_LT(test::worst_difference(model, "base"), kScoreTolerance);
}

TEST_F(VicunaConvertTest, ScoresOfGroupedHeadsScaledPositionsAndTiedEmbeddingsEqualTransformers) {
  const LlmModel model = converted("gqa", {.type = LLAMA_FTYPE_ALL_F32});
  EXPECT_LT(test::worst_difference(model, "gqa"), kScoreTolerance);
}

TEST_F(VicunaConvertTest, SixteenBitsLoseNothingOfSixteenBits) {
  converted("base", {.type = LLAMA_FTYPE_ALL_F32});
  const fs::path wide = folder_ / "wide.gguf";
  fs::rename(output(), wide);
  converted("base");  // f16
  const GgufFile file(output());
  const GgufFile reference(wide);
  for (const GgufTensor& tensor : reference.tensors())
    EXPECT_EQ(file.read_f32(tensor.name), reference.read_f32(tensor.name)) << tensor.name;
  EXPECT_EQ(file.tensor("output.weight").type, GGML_TYPE_F16);
  EXPECT_EQ(file.tensor("output_norm.weight").type, GGML_TYPE_F32);
}

TEST_F(VicunaConvertTest, DeltaGivesFastChatsBits) {
  const LlmModel model =
      converted("base", {.delta = vicuna_fixture("delta"), .type = LLAMA_FTYPE_ALL_F32});
  EXPECT_LT(test::worst_difference(model, "vicuna"), kScoreTolerance);
  const GgufFile file(output());
  const auto bits_of = [&](const std::string& name, std::int64_t row) {
    std::vector<float> values(static_cast<std::size_t>(file.tensor(name).shape.front()));
    file.read_row_f32(file.tensor(name), row, values);
    std::vector<std::int16_t> bits;
    for (const float value : values) {
      EXPECT_EQ(ggml_fp16_to_fp32(ggml_fp32_to_fp16(value)), value) << "no value of 16 bits";
      bits.push_back(std::bit_cast<std::int16_t>(ggml_fp32_to_fp16(value)));
    }
    return nlohmann::json(bits);
  };
  for (const auto& [row, bits] : vicuna_expected().at("vicuna_embedding_bits").items())
    EXPECT_EQ(bits_of("token_embd.weight", std::stoi(row)), bits) << row;
  EXPECT_EQ(bits_of("blk.1.ffn_down.weight", 5), vicuna_expected().at("vicuna_down_bits"));
}

TEST_F(VicunaConvertTest, TokensEqualTheSlowTokenizer) {
  const LlmModel model = converted("base");
  for (const auto& entry : vicuna_expected().at("texts")) {
    const std::string text = entry.at("text");
    EXPECT_EQ(nlohmann::json(model.tokenize(text)), entry.at("ids")) << '"' << text << '"';
    const bool has_space = text.starts_with(' ');  // the vocabulary puts it there itself
    if (!has_space) {
      EXPECT_EQ(nlohmann::json(model.tokenize_piece(text)), entry.at("ids")) << text;
    } else {
      EXPECT_EQ(model.tokenize_piece(text), model.tokenize(text.substr(1))) << text;
    }
  }
  EXPECT_EQ(model.bos(), 1);
}

TEST_F(VicunaConvertTest, AddedTokensAreNoText) {
  const LlmModel model = converted("base", {.delta = vicuna_fixture("delta")});
  EXPECT_EQ(model.n_vocab(), 401);
  for (const char* text : {"[PAD]", "</s>", "<s>", "<unk>", "<0x0A>"})
    for (const std::int32_t token : model.tokenize(text))
      EXPECT_GT(token, 2) << text;
  EXPECT_THAT(model.tokenize("[PAD]"), Not(testing::Contains(400)));
  EXPECT_EQ(model.token_to_piece(400), "");
}

TEST_F(VicunaConvertTest, VocabulariesOfOthersWithoutBytesDontEndTheProgram) {
  LlamaVocabulary vocabulary;
  vocabulary.tokens = {"<unk>", "<s>", "</s>", "a", "\u2581", "\u2581a"};
  vocabulary.scores = {0, 0, 0, -1, -2, -3};
  vocabulary.types = {2, 3, 3, 1, 1, 1};
  vocabulary.bos = 1;
  GgufWriter writer;
  writer.set_str("general.architecture", "llama");
  vocabulary.write_to(&writer);
  writer.add_f32("token_embd.weight", {1}, std::vector<float>{0});
  writer.write(output());
  LlmOptions options;
  options.vocab_only = true;
  const LlmModel model(output(), options);
  EXPECT_EQ(model.tokenize("a"), std::vector<std::int32_t>{5});
  EXPECT_THAT(model_error([&] { model.tokenize("b"); }), HasSubstr("no tokens for this text"));
}

// --- metadata ------------------------------------------------------------------------------------

TEST_F(VicunaConvertTest, KeysAreLlamaCppsOwn) {
  converted("gqa", {.type = LLAMA_FTYPE_ALL_F32, .name = "tiny", .license = "MIT"});
  const GgufFile file(output());
  EXPECT_EQ(file.get_str("general.architecture"), "llama");
  EXPECT_EQ(file.get_str("general.name"), "tiny");
  EXPECT_EQ(file.get_str("general.license"), "MIT");
  EXPECT_EQ(file.get_str("general.size_label"), "44K");
  EXPECT_EQ(file.get_u32("general.file_type"), 0U);
  EXPECT_EQ(file.get_u32("llama.context_length"), 512U);
  EXPECT_EQ(file.get_u32("llama.attention.head_count"), 4U);
  EXPECT_EQ(file.get_u32("llama.attention.head_count_kv"), 2U);
  EXPECT_EQ(file.get_u32("llama.attention.key_length"), 16U);
  EXPECT_EQ(file.get_u32("llama.rope.dimension_count"), 16U);
  EXPECT_EQ(file.get_u32("llama.vocab_size"), 416U);
  EXPECT_EQ(file.get_f32("llama.rope.freq_base"), 50000.0F);
  EXPECT_EQ(file.get_f32("llama.rope.scaling.factor"), 4.0F);
  EXPECT_EQ(file.get_str("llama.rope.scaling.type"), "linear");
  EXPECT_EQ(file.get_f32("llama.attention.layer_norm_rms_epsilon"), 1e-6F);
  EXPECT_EQ(file.get_u32("tokenizer.ggml.bos_token_id"), 1U);
  EXPECT_EQ(file.get_u32("tokenizer.ggml.eos_token_id"), 2U);
  EXPECT_EQ(file.get_u32("tokenizer.ggml.unknown_token_id"), 0U);
  EXPECT_TRUE(file.get_bool("tokenizer.ggml.add_bos_token"));
  EXPECT_FALSE(file.find_tensor("output.weight")) << "tied";
  EXPECT_EQ(file.get_str_array("tokenizer.ggml.tokens")[415], "[PAD415]");
}

TEST_F(VicunaConvertTest, EightBitsFallBackWhereRowsDontFit) {
  converted("base", {.type = LLAMA_FTYPE_MOSTLY_Q8_0});
  const GgufFile file(output());
  EXPECT_EQ(file.tensor("blk.0.attn_q.weight").type, GGML_TYPE_Q8_0);
  EXPECT_EQ(file.tensor("output.weight").type, GGML_TYPE_Q8_0);
  EXPECT_EQ(file.tensor("blk.0.attn_norm.weight").type, GGML_TYPE_F32);
  EXPECT_EQ(file.get_u32("general.file_type"), 7U);
}

TEST(LlamaTensors, RowsAreThoseOfLlamaCppsPermutation) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < 16; ++row)
    rows.push_back(rope_source_row(row, 8));
  EXPECT_THAT(rows, ElementsAre(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15));
}

TEST_F(VicunaConvertTest, VocabularyTypesAndSpecialTokens) {
  const LlamaVocabulary delta = read_llama_vocabulary(vicuna_fixture("delta"), 403);
  EXPECT_EQ(delta.tokens[400], "[PAD]");
  EXPECT_EQ(delta.pad, 400U);
  EXPECT_THAT(
      (std::vector<std::int32_t>{delta.types[0], delta.types[1], delta.types[3], delta.types[259],
                                 delta.types[400], delta.types[402]}),
      ElementsAre(LLAMA_TOKEN_TYPE_UNKNOWN, LLAMA_TOKEN_TYPE_CONTROL, LLAMA_TOKEN_TYPE_BYTE,
                  LLAMA_TOKEN_TYPE_NORMAL, LLAMA_TOKEN_TYPE_CONTROL, LLAMA_TOKEN_TYPE_UNUSED));

  // The first conversions of LLaMA have empty names, which mean nothing.
  const fs::path folder = copy_of("base");
  fs::remove(folder / "special_tokens_map.json");
  test::write_text(folder / "special_tokens_map.json", R"({"bos_token": "", "eos_token": ""})");
  fs::remove(folder / "tokenizer_config.json");
  test::write_text(
      folder / "tokenizer_config.json",
      R"({"bos_token": "", "add_bos_token": false, "add_prefix_space": false, "chat_template": "t",
          "added_tokens_decoder": {"400": {"content": "<img>", "special": false},
                                   "0": {"content": "<unk>", "special": true},
                                   "900": {"content": "<far>", "special": true}}})");
  const LlamaVocabulary base = read_llama_vocabulary(folder, 401);
  EXPECT_EQ(base.bos, 1U);
  EXPECT_EQ(base.eos, 2U);
  EXPECT_EQ(base.pad, std::nullopt);
  EXPECT_FALSE(base.add_bos);
  EXPECT_FALSE(base.add_space_prefix);
  EXPECT_EQ(base.chat_template, "t");
  EXPECT_EQ(base.tokens[400], "<img>");
  EXPECT_EQ(base.types[400], LLAMA_TOKEN_TYPE_USER_DEFINED);
  EXPECT_EQ(base.types[0], LLAMA_TOKEN_TYPE_UNKNOWN);

  EXPECT_EQ(read_llama_vocabulary(folder, 390).tokens.size(), 390U) << "fewer rows than tokens";
}

// --- what can be wrong ---------------------------------------------------------------------------

TEST_F(VicunaConvertTest, TensorsAreNamed) {
  EXPECT_THAT(error_with("config.json", "intermediate_size", 64),
              HasSubstr("model.layers.0.mlp.down_proj.weight has the shape [32, 96], expected "
                        "[32, 64]"));
  EXPECT_THAT(error_with("config.json", "num_hidden_layers", 1),
              HasSubstr("model.layers.1.input_layernorm.weight is not part of a LLaMA"));
  EXPECT_THAT(error_with("config.json", "num_hidden_layers", 3),
              HasSubstr("model.layers.2.input_layernorm.weight is missing"));
  EXPECT_THAT(error_with("config.json", "tie_word_embeddings", false),
              HasSubstr("lm_head.weight is missing"));
  const fs::path folder = copy_of("base");
  fs::remove(folder / "pytorch_model-00002-of-00003.bin");
  EXPECT_THAT(error_of(folder), HasSubstr("pytorch_model-00002-of-00003.bin"));
}

TEST_F(VicunaConvertTest, ConfigFieldsAreChecked) {
  const auto error = [&](const std::string& field, const nlohmann::json& value) {
    return error_with("config.json", field, value);
  };
  EXPECT_THAT(error("hidden_size", "32"),
              HasSubstr("config.json: hidden_size is \"32\", expected a whole number"));
  for (const nlohmann::json& size : {nlohmann::json(0), nlohmann::json(-1), nlohmann::json(1.5),
                                     nlohmann::json(UINT64_MAX), nlohmann::json(true)})
    EXPECT_THAT(error("num_attention_heads", size), HasSubstr("num_attention_heads is")) << size;
  EXPECT_THAT(error("hidden_size", nullptr), HasSubstr("lacks hidden_size"));
  EXPECT_THAT(error("num_key_value_heads", 3), HasSubstr("does not divide"));
  EXPECT_THAT(error("head_dim", 15), HasSubstr("odd"));
  EXPECT_THAT(error("rms_norm_eps", 0), HasSubstr("rms_norm_eps is 0"));
  EXPECT_THAT(error("rms_norm_eps", 1e300), HasSubstr("rms_norm_eps is"));
  EXPECT_THAT(error("tie_word_embeddings", "yes"), HasSubstr("expected true or false"));
  EXPECT_THAT(error("rope_parameters", {{"rope_type", "llama3"}, {"factor", 8}}),
              AllOf(HasSubstr("scaled as \"llama3\""), HasSubstr("any GGUF")));
  EXPECT_THAT(error("rope_parameters", {{"rope_type", "linear"}}), HasSubstr("lacks factor"));
  EXPECT_THAT(error("rope_parameters", 3), HasSubstr("expected a table"));
  EXPECT_THAT(error("model_type", "mistral"), HasSubstr("model_type is \"mistral\""));
  EXPECT_THAT(error("hidden_act", "gelu"), HasSubstr("hidden_act"));
  EXPECT_THAT(error("attention_bias", true), HasSubstr("attention_bias"));
  EXPECT_THAT(error("quantization_config", {{"bits", 4}}), HasSubstr("quantised already"));
  EXPECT_THAT(error_of(folder_ / "nowhere"), HasSubstr("config.json"));
}

TEST_F(VicunaConvertTest, OlderFormsOfScaledPositions) {
  const fs::path folder = copy_of("gqa");
  nlohmann::json config = nlohmann::json::parse(test::read_text(folder / "config.json"));
  config.erase("rope_parameters");
  config["rope_theta"] = 50000.0;
  config["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  config.erase("max_position_embeddings");
  config["max_sequence_length"] = 128;
  fs::remove(folder / "config.json");
  test::write_text(folder / "config.json", config.dump());
  const LlamaConfig read = read_llama_config(folder);
  EXPECT_EQ(read.rope_theta, 50000.0);
  EXPECT_EQ(read.rope_factor, 4.0);
  EXPECT_EQ(read.n_ctx, 128);
}

TEST_F(VicunaConvertTest, DeltasOfOtherModelsAreRefused) {
  EXPECT_THAT(error_of(vicuna_fixture("base"), vicuna_fixture("gqa")),
              HasSubstr("is no delta of this base: num_key_value_heads is 2, the base's is 4"));
  EXPECT_THAT(error_of(vicuna_fixture("delta"), vicuna_fixture("base")),
              HasSubstr("vocab_size is 400, the base's is 401"));
}

TEST_F(VicunaConvertTest, OtherTokenizersAreExplained) {
  const fs::path folder = copy_of("gqa");
  fs::remove(folder / "tokenizer.model");
  EXPECT_THAT(error_of(folder), HasSubstr("holds no tokenizer.model"));
  test::write_text(folder / "tokenizer.json", "{}");
  EXPECT_THAT(error_of(folder),
              AllOf(HasSubstr("only there as tokenizer.json"), HasSubstr("any GGUF")));
}

TEST_F(VicunaConvertTest, AddedTokensAreChecked) {
  const auto error = [&](const nlohmann::json& decoder) {
    return error_with("tokenizer_config.json", "added_tokens_decoder", decoder);
  };
  EXPECT_THAT(error({{"400", {{"content", "<s>"}}}}), HasSubstr("1 and 400 are the same"));
  EXPECT_THAT(error({{"4x", {{"content", "a"}}}}), HasSubstr("makes no sense"));
  EXPECT_THAT(error({{"400", 7}}), HasSubstr("makes no sense"));
  EXPECT_THAT(error({{"400", {{"content", std::string("a\0b", 3)}}}}), HasSubstr("printable"));
  const fs::path folder = folder_ / "gqa";
  fs::remove_all(folder);
  copy_of("gqa");
  test::write_text(folder / "added_tokens.json", R"({"x": -1})");
  EXPECT_THAT(error_of(folder), HasSubstr("an id is no whole number"));
}

TEST_F(VicunaConvertTest, NothingIsLeftOfWhatIsInterrupted) {
  const auto interrupt = [](auto, auto) { throw std::runtime_error("interrupted"); };
  VicunaConversion first;
  first.on_progress = interrupt;
  EXPECT_THROW(convert_vicuna(vicuna_fixture("base"), output(), first), std::runtime_error);
  VicunaConversion second;
  second.type = LLAMA_FTYPE_MOSTLY_Q4_K_M;
  second.on_quantized = interrupt;
  EXPECT_THROW(convert_vicuna(vicuna_fixture("base"), output(), second), std::runtime_error);
  EXPECT_THAT(test::names_in(folder_.path()), ElementsAre());
}

TEST_F(VicunaConvertTest, OutputsThatCantBeWritten) {
  const auto convert = [&](const fs::path& output) {
    return test::error_of([&] { convert_vicuna(vicuna_fixture("base"), output); });
  };
  EXPECT_EQ(convert(folder_ / "missing" / "out.gguf").kind(), ErrorKind::kInternal);
  const Error replaces = convert(vicuna_fixture("base") / "config.json");
  EXPECT_EQ(replaces.kind(), ErrorKind::kUsage);
  EXPECT_TRUE(fs::exists(vicuna_fixture("base") / "config.json"));
}

// --- tokenizer.model -----------------------------------------------------------------------------

class SentencePieceTest : public testing::Test {
 protected:
  std::string error_of(const std::string& bytes) const {
    fs::remove(folder_ / "tokenizer.model");
    test::write_text(folder_ / "tokenizer.model", bytes);
    return model_error([&] { read_sentencepiece_model(folder_ / "tokenizer.model"); });
  }

  test::TemporaryFolder folder_;
  const std::string good_ = test::read_text(vicuna_fixture("base/tokenizer.model"));
};

TEST_F(SentencePieceTest, ReadsTheFixture) {
  const SentencePieceModel model = read_sentencepiece_model(vicuna_fixture("base/tokenizer.model"));
  EXPECT_EQ(model.pieces.size(), 400U);
  EXPECT_EQ(model.pieces[1].text, "<s>");
  EXPECT_EQ(model.pieces[1].type, LLAMA_TOKEN_TYPE_CONTROL);
  EXPECT_EQ(model.pieces[261].score, -2.0F);
  EXPECT_EQ(model.model_type, SentencePieceModel::kBpe);
  EXPECT_TRUE(model.add_dummy_prefix);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_FALSE(model.has_character_map);
}

TEST_F(SentencePieceTest, EveryTruncationIsReadOrRefused) {
  int n_refused = 0;
  for (std::size_t size = 1; size < good_.size(); size += 7) {
    fs::remove(folder_ / "tokenizer.model");
    test::write_text(folder_ / "tokenizer.model", good_.substr(0, size));
    try {
      EXPECT_LT(read_sentencepiece_model(folder_ / "tokenizer.model").pieces.size(), 401U);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kModel);
      ++n_refused;
    }
  }
  EXPECT_GT(n_refused, 500);
}

TEST_F(SentencePieceTest, DamageIsRefused) {
  EXPECT_THAT(error_of("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), HasSubstr("middle of a field"));
  EXPECT_THAT(error_of("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), HasSubstr("64 bits"));
  EXPECT_THAT(error_of(std::string(5000, '\x0b')), HasSubstr("unknown kind")) << "nested groups";
  EXPECT_THAT(error_of("\x08\x01"), HasSubstr("another kind"));
  EXPECT_THAT(error_of(std::string("\x02\x00", 2)), HasSubstr("without a number"));
  EXPECT_THAT(error_of(std::string("\x12\x00", 2)), HasSubstr("no pieces"));
  EXPECT_THAT(error_of(std::string("\x0a\x03\x0a\x01\x00", 5)), HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of("\x0a\x03\x0a\x01\xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of(std::string("\x0a\x02\x0a\x00", 4)), HasSubstr("length"));
  EXPECT_THAT(error_of("\x0a\x02\x18\x01"), HasSubstr("without text"));
  EXPECT_THAT(error_of("\x0a\x05\x0a\x01x\x18\x09"), HasSubstr("unknown type"));
  EXPECT_THAT(error_of(std::string("\x0a\x08\x0a\x01x\x15\x00\x00\x80\x7f", 10)),
              HasSubstr("not finite"));
  EXPECT_THAT(error_of("{\"version\": \"1.0\"}"), HasSubstr("no SentencePiece model"));
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\n"),
              HasSubstr("no SentencePiece model, but a Git LFS pointer"));
}

TEST_F(SentencePieceTest, OtherKindsOfVocabularyAreRefused) {
  const auto vocabulary_error = [&](const std::string& bytes) {
    test::write_text(folder_ / "tokenizer.model", bytes);
    const std::string message = model_error([&] { read_llama_vocabulary(folder_.path(), 400); });
    fs::remove(folder_ / "tokenizer.model");
    return message;
  };
  // A second trainer_spec or piece overrides or follows what is there.
  EXPECT_THAT(vocabulary_error(good_ + "\x12\x02\x18\x01"), HasSubstr("no byte-pair encoding"));
  EXPECT_THAT(vocabulary_error(good_ + "\x12\x03\xc0\x01\x01"), HasSubstr("behind words"));
  EXPECT_THAT(vocabulary_error("\x0a\x03\x0a\x01x\x12\x02\x18\x02"),
              HasSubstr("0 tokens for single bytes"));
  std::string renamed = good_;
  renamed.replace(renamed.find("<0x41>"), 6, "<0x4g>");
  EXPECT_THAT(vocabulary_error(renamed), HasSubstr("255 tokens for single bytes"));
}

}  // namespace
}  // namespace pandagpt
