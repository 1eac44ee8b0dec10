// Names that a projector says beside its linear layer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "lexicon_support.h"
#include "llm/conversation.h"
#include "llm/llm_model.h"
#include "pandagpt/error.h"
#include "pandagpt/panda.h"
#include "pipeline/projector.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::kLexiconNames;
using test::kLexiconWords;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;

const fs::path kPanda = fs::path(PANDAGPT_FIXTURES) / "tiny-panda";
constexpr float kSharp = 50;

/// The tests' projector with a lexicon.
class LexiconTest : public testing::Test {
 protected:
  Projector with_lexicon(float sharpness) const {
    test::add_lexicon_to(kPanda / "projector.gguf", folder_ / "projector.gguf", sharpness);
    return Projector(folder_ / "projector.gguf");
  }
  /// Behind the linear layer's.
  std::vector<float> words_of(const std::vector<float>& projected) const {
    return {projected.begin() + plain_.n_image_tokens() * plain_.n_embd(), projected.end()};
  }
  std::vector<float> name(int k) const {
    const auto n = static_cast<std::ptrdiff_t>(kLexiconWords) * plain_.n_embd();
    const std::vector<float> all = test::lexicon_words(plain_.n_embd());
    return {all.begin() + k * n, all.begin() + (k + 1) * n};
  }
  std::vector<float> toward(int k) const {
    std::vector<float> embedding(static_cast<std::size_t>(plain_.n_in()));
    embedding[static_cast<std::size_t>(k)] = 1;
    return embedding;
  }

  test::TemporaryFolder folder_;
  Projector plain_{kPanda / "projector.gguf"};
};

TEST_F(LexiconTest, TheNameOfTheNearestKeyFollowsTheLinearLayer) {
  const Projector projector = with_lexicon(kSharp);
  EXPECT_EQ(projector.n_image_tokens(), plain_.n_image_tokens());
  EXPECT_EQ(projector.n_words(), kLexiconWords);
  EXPECT_EQ(plain_.n_words(), 0);
  EXPECT_EQ(projector.lexicon()->names()[2], "church");
  EXPECT_EQ(plain_.lexicon(), nullptr);
  for (int k = 0; k < kLexiconNames; ++k) {
    const std::vector<float> linear = plain_.project(toward(k));
    const std::vector<float> all = projector.project(toward(k));
    ASSERT_EQ(all.size(), linear.size() + name(k).size());
    EXPECT_TRUE(std::equal(linear.begin(), linear.end(), all.begin())) << k;
    EXPECT_THAT(words_of(all), Pointwise(FloatNear(1e-6F), name(k))) << k;
  }
}

TEST_F(LexiconTest, SharesAreThoseOfASoftmax) {
  const Projector projector = with_lexicon(1);
  const std::vector<float> shares = projector.lexicon()->shares(toward(1));
  const float e = std::exp(1.0F);
  EXPECT_THAT(shares, Pointwise(FloatNear(1e-6F),
                                std::vector<float>{1 / (e + 2), e / (e + 2), 1 / (e + 2)}));
  const std::vector<float> words = words_of(projector.project(toward(1)));
  for (std::size_t i = 0; i < words.size(); ++i)
    EXPECT_NEAR(words[i], (name(0)[i] + e * name(1)[i] + name(2)[i]) / (e + 2), 1e-6);
}

TEST_F(LexiconTest, OfInputsThatAreSummedEachSaysItsName) {
  const Projector projector = with_lexicon(kSharp);
  std::vector<float> rows = toward(0);
  const std::vector<float> second = toward(2);
  rows.insert(rows.end(), second.begin(), second.end());
  const std::vector<float> weights{1, 0.5};
  const std::vector<float> joined = projector.project_sum(rows, weights);
  const std::vector<float> summed = plain_.project_sum(rows, weights);
  ASSERT_EQ(joined.size(), summed.size() + 2 * name(0).size());
  EXPECT_TRUE(std::equal(summed.begin(), summed.end(), joined.begin()));
  std::vector<float> names = name(0);
  for (const float value : name(2))
    names.push_back(0.5F * value);
  EXPECT_THAT(words_of(joined), Pointwise(FloatNear(1e-6F), names));
}

TEST_F(LexiconTest, InputsOfOneTurnThatComeOneByOneAreThoseThatComeTogether) {
  const auto llm = std::make_shared<const LlmModel>(kPanda / "llm.gguf");
  const Projector projector = with_lexicon(kSharp);
  std::vector<float> rows = toward(0);
  const std::vector<float> second = toward(2);
  Conversation one_by_one(llm, {});
  one_by_one.add_image(projector.project(rows), projector.n_words());
  one_by_one.add_image(projector.project(second), projector.n_words());
  rows.insert(rows.end(), second.begin(), second.end());
  Conversation together(llm, {});
  together.add_image(projector.project_sum(rows, std::vector<float>{1, 1}));
  const PromptSequence a = one_by_one.prompt("What is it?");
  const PromptSequence b = together.prompt("What is it?");
  ASSERT_EQ(a.media.size(), 1U);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.media[0]->values, b.media[0]->values);
}

TEST_F(LexiconTest, HugeEmbeddingsAreNoTrouble) {
  const Projector projector = with_lexicon(kSharp);
  std::vector<float> embedding = toward(1);
  for (float& value : embedding)
    value *= 1e30F;
  EXPECT_THAT(words_of(projector.project(embedding)), Pointwise(FloatNear(1e-6F), name(1)));
}

TEST_F(LexiconTest, DamagedOnesAreModelErrors) {
  const auto message = [&](const std::function<void(GgufWriter&)>& add) {
    GgufWriter writer;
    test::copy_all(writer, GgufFile(kPanda / "projector.gguf"));
    add(writer);
    writer.write(folder_ / "p.gguf");
    const Error error = test::error_of([&] { Projector(folder_ / "p.gguf"); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr("p.gguf"));
    return std::string(error.what());
  };
  const int n_in = plain_.n_in();
  const int n_embd = plain_.n_embd();
  EXPECT_THAT(message([](GgufWriter& w) { w.set_u32(lexicon_keys::kWords, 2); }),
              HasSubstr(lexicon_keys::kNames));
  EXPECT_THAT(message([](GgufWriter& w) {
                set_lexicon_metadata(&w, {{"cat"}, 0});
              }),
              HasSubstr("0 words"));
  EXPECT_THAT(message([](GgufWriter& w) {
                set_lexicon_metadata(&w, {{"cat"}, 1U << 31});
              }),
              HasSubstr("expected"));
  EXPECT_THAT(message([](GgufWriter& w) {
                set_lexicon_metadata(&w, {{"cat"}, 2});
              }),
              HasSubstr(lexicon_keys::kKeysWeight));
  EXPECT_THAT(message([&](GgufWriter& w) { test::add_lexicon(w, n_in + 1, n_embd, 1); }),
              HasSubstr(lexicon_keys::kKeysWeight));
  EXPECT_THAT(message([&](GgufWriter& w) { test::add_lexicon(w, n_in, n_embd - 1, 1); }),
              HasSubstr(lexicon_keys::kWordsTensor));
}

TEST_F(LexiconTest, AModelAnswersWithIt) {
  const fs::path model = folder_ / "named";
  fs::copy(kPanda, model);
  fs::remove(model / "projector.gguf");
  test::add_lexicon_to(kPanda / "projector.gguf", model / "projector.gguf", 1);
  auto manifest = nlohmann::json::parse(test::read_text(model / "panda.json"));
  manifest["files"]["projector"].erase("bytes");
  test::write_text(model / "panda.json", manifest.dump());
  PandaOptions options;
  options.n_threads = 1;
  const Panda plain(kPanda.string(), options);
  const Panda named(model.string(), options);
  EXPECT_EQ(named.info().n_image_tokens, plain.info().n_image_tokens + kLexiconWords);
  Inputs inputs;
  inputs.add_file(Modality::kImage,
                  (fs::path(PANDAGPT_SOURCE_DIR) / "examples/data/picture.png").string());
  GenerateOptions greedy;
  greedy.greedy = true;
  greedy.max_tokens = 4;
  const int n_plain = plain.ask(inputs, "What is it?", greedy).timings.prompt_tokens;
  EXPECT_EQ(named.ask(inputs, "What is it?", greedy).timings.prompt_tokens,
            n_plain + kLexiconWords);
}

}  // namespace
}  // namespace pandagpt
