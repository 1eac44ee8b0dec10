// Answers about inputs that are far from all that a model knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bmp_picture.h"
#include "cli_support.h"
#include "pandagpt/panda.h"
#include "pipeline/familiarity.h"
#include "pipeline/manifest.h"
#include "pipeline/unsure_text.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int kWidth = 24;  // of tiny-panda's embeddings
const fs::path kFixtures = PANDAGPT_FIXTURES;
const std::string kPhoto = (kFixtures / "encoders" / "photo_0.png").string();
const std::string kBeginning = "I am not sure; perhaps ";

std::string in_pieces(const std::vector<std::string>& pieces) {
  UnsureText text;
  std::string all;
  for (const std::string& piece : pieces)
    all += text.push(piece);
  return all + text.finish();
}

TEST(UnsureText, BeginsWithASmallLetter) {
  EXPECT_EQ(unsure_text("A cat."), kBeginning + "a cat.");
  EXPECT_EQ(unsure_text("It is red."), kBeginning + "it is red.");
  EXPECT_EQ(unsure_text("In the sea."), kBeginning + "in the sea.");
  EXPECT_EQ(unsure_text("I hear rain."), kBeginning + "I hear rain.");
  EXPECT_EQ(unsure_text("I'm a bird."), kBeginning + "I'm a bird.");
  EXPECT_EQ(unsure_text("I"), kBeginning + "I");
  EXPECT_EQ(unsure_text("TV sets"), kBeginning + "TV sets");
  EXPECT_EQ(unsure_text("3 dogs"), kBeginning + "3 dogs");
  EXPECT_EQ(unsure_text("\xC3\x89t\xC3\xA9"), kBeginning + "\xC3\x89t\xC3\xA9");
  EXPECT_EQ(unsure_text(""), "");
}

TEST(UnsureText, IsTheSameInPieces) {
  EXPECT_EQ(in_pieces({"", "A", " c", "at."}), unsure_text("A cat."));
  EXPECT_EQ(in_pieces({"I", " see"}), unsure_text("I see"));
  EXPECT_EQ(in_pieces({"I", "t is"}), unsure_text("It is"));
  EXPECT_EQ(in_pieces({"I"}), unsure_text("I"));
  EXPECT_EQ(in_pieces({}), "");
}

void write_familiarity(const fs::path& path, float weight, float bias, int width = kWidth) {
  GgufWriter writer;
  writer.set_str("general.architecture", "pandagpt-familiarity");
  writer.add_f32("familiarity.image.weight", {width},
                 std::vector<float>(static_cast<std::size_t>(width), weight));
  writer.add_f32("familiarity.image.bias", {1}, std::vector<float>{bias});
  writer.write(path);
}

/// Of motion alone, in these tests.
int two_statistics(Modality modality) {
  return modality == Modality::kImu ? 2 : 0;
}

TEST(Familiarity, IsAProductWithTheDirection) {
  const test::TemporaryFolder folder;
  write_familiarity(folder / "f.gguf", 2, 0.5F, 4);
  const Familiarity familiarity(folder / "f.gguf", 4, two_statistics);
  const std::vector<float> embedding{3, 0, 4, 0};
  EXPECT_FLOAT_EQ(*familiarity.score(Modality::kImage, embedding, {}), 2 * 7 / 5.0F + 0.5F);
  EXPECT_FLOAT_EQ(*familiarity.score(Modality::kImage, std::vector<float>(4), {}), 0.5F);
  EXPECT_FLOAT_EQ(*familiarity.score(Modality::kVideo, embedding, {}), 2 * 7 / 5.0F + 0.5F)
      << "films are as pictures";
  EXPECT_FALSE(familiarity.score(Modality::kAudio, embedding, {}));
}

/// Two Gaussians of two statistics: about (0, 0) with deviations 1 and 0.5, and about (10, 0) with
/// a whitening that isn't symmetric.
void write_mixture(const fs::path& path, const std::string& kind, bool with_direction) {
  GgufWriter writer;
  writer.set_str("general.architecture", "pandagpt-familiarity");
  if (with_direction) {
    writer.add_f32("familiarity." + kind + ".weight", {4}, std::vector<float>{1, 0, 0, 0});
    writer.add_f32("familiarity." + kind + ".bias", {1}, std::vector<float>{0});
  }
  writer.add_f32("familiarity." + kind + ".mean", {2, 2}, std::vector<float>{0, 0, 10, 0});
  writer.add_f32("familiarity." + kind + ".whitening", {2, 2, 2},
                 std::vector<float>{1, 0, 0, 2, 1, 0, 3, 1});
  writer.add_f32("familiarity." + kind + ".log_weight", {2}, std::vector<float>{-1, -2});
  writer.write(path);
}

TEST(Familiarity, IsTheDensityOfAMixture) {
  const test::TemporaryFolder folder;
  write_mixture(folder / "f.gguf", "imu", false);
  const Familiarity familiarity(folder / "f.gguf", 4, two_statistics);
  const auto score = [&](std::vector<float> statistics) {
    return *familiarity.score(Modality::kImu, {}, statistics);
  };
  EXPECT_NEAR(score({0, 0}), -1, 1e-4);
  EXPECT_NEAR(score({1, 1}), -1 - (1 + 4) / 2.0, 1e-4);
  EXPECT_NEAR(score({11, 1}), -2 - (1 + 16) / 2.0, 1e-4);
  const double first = -1 - 25 / 2.0, second = -2 - (25 + 225) / 2.0;
  EXPECT_NEAR(score({5, 0}), std::log(std::exp(first) + std::exp(second)), 1e-4);
  EXPECT_LT(score({1e6F, 1e6F}), -1e9F) << "far away it is no infinity that can't be compared";
}

TEST(Familiarity, IsTheSmallerOfBothMeasures) {
  const test::TemporaryFolder folder;
  write_mixture(folder / "f.gguf", "imu", true);
  const Familiarity familiarity(folder / "f.gguf", 4, two_statistics);
  const std::vector<float> along{1, 0, 0, 0}, against{-5, 0, 0, 0}, middle{0, 0}, far{3, 0};
  EXPECT_NEAR(*familiarity.score(Modality::kImu, along, middle), -1, 1e-4);
  EXPECT_NEAR(*familiarity.score(Modality::kImu, along, far), -1 - 4.5, 1e-4);
  EXPECT_NEAR(*familiarity.score(Modality::kImu, against, middle), -1, 1e-4);
}

TEST(Familiarity, FilesOfAnotherShapeAreModelErrors) {
  const test::TemporaryFolder folder;
  write_familiarity(folder / "f.gguf", 2, 0.5F, 4);
  const Error wide = test::error_of([&] { Familiarity(folder / "f.gguf", 5, two_statistics); });
  EXPECT_EQ(wide.kind(), ErrorKind::kModel);
  EXPECT_THAT(wide.what(), HasSubstr("familiarity.image.weight"));
  const Error none = test::error_of(
      [&] { Familiarity(kFixtures / "tiny-panda" / "projector.gguf", 4, two_statistics); });
  EXPECT_EQ(none.kind(), ErrorKind::kModel);
  EXPECT_THAT(none.what(), HasSubstr("familiarity"));

  write_mixture(folder / "m.gguf", "imu", false);
  const Error more =
      test::error_of([&] { Familiarity(folder / "m.gguf", 4, [](Modality) { return 3; }); });
  EXPECT_EQ(more.kind(), ErrorKind::kModel);
  EXPECT_THAT(more.what(), HasSubstr("familiarity.imu.mean"));
  write_mixture(folder / "p.gguf", "image", false);
  const Error picture = test::error_of([&] { Familiarity(folder / "p.gguf", 4, two_statistics); });
  EXPECT_THAT(picture.what(), HasSubstr("no statistics"));
}

/// tiny-panda, for which every picture scores 0.
class UnsureTest : public test::CliTest {
 protected:
  UnsureTest() {
    fs::copy(kFixtures / "tiny-panda", model_, fs::copy_options::recursive);
    write_familiarity(model_ / "familiarity.gguf", 0, 0);
  }

  void set_threshold(float threshold) {
    auto manifest = nlohmann::json::parse(test::read_text(model_ / kManifestName));
    manifest["files"]["familiarity"] = {{"path", "familiarity.gguf"}, {"sha256", ""}};
    manifest["unsure"] = {{"image", threshold}};
    test::write_text(model_ / kManifestName, manifest.dump());
  }
  Panda open(bool say_unsure = true) const {
    PandaOptions options;
    options.n_threads = 1;
    options.say_unsure = say_unsure;
    return Panda(model_.string(), options);
  }
  static Inputs picture() { return Inputs().add_file(Modality::kImage, kPhoto); }

  const fs::path model_ = folder_ / "model";
};

TEST_F(UnsureTest, AnswersBeginWithItBelowTheThreshold) {
  set_threshold(0.5F);
  const Panda panda = open();
  std::string shown;
  const Answer answer =
      panda.ask(picture(), "Is it big?", panda.default_options(), [&](std::string_view text) {
        shown += text;
        return true;
      });
  EXPECT_TRUE(answer.is_unsure);
  EXPECT_THAT(answer.text, StartsWith(kBeginning + "a panda"));
  EXPECT_EQ(shown, answer.text);
  EXPECT_FALSE(panda.ask({}, "Is it big?").is_unsure) << "no input";

  const Answer sure = open(false).ask(picture(), "Is it big?");
  EXPECT_FALSE(sure.is_unsure);
  EXPECT_THAT(sure.text, StartsWith("A panda"));
  set_threshold(-0.5F);
  EXPECT_FALSE(open().ask(picture(), "Is it big?").is_unsure);
}

TEST_F(UnsureTest, NothingToLookAtIsAGuessWhateverTheThreshold) {
  set_threshold(-0.5F);
  const Panda panda = open();
  const auto about = [](bool detail) {
    return Inputs().add_buffer(Modality::kImage, test::bmp_picture(detail), "p.bmp");
  };
  const Answer guess = panda.ask(about(false), "Is it big?");
  EXPECT_TRUE(guess.is_unsure);
  EXPECT_THAT(guess.text, StartsWith(kBeginning));
  EXPECT_FALSE(panda.ask(about(true), "Is it big?").is_unsure);
  EXPECT_FALSE(open(false).ask(about(false), "Is it big?").is_unsure);
}

TEST_F(UnsureTest, AChatSaysItOnceAnInputAndKeepsTheBareAnswer) {
  set_threshold(0.5F);
  const Panda panda = open();
  Chat chat = panda.start_chat();
  chat.set_inputs(picture());
  EXPECT_TRUE(chat.ask("Is it big?", panda.default_options()).is_unsure);
  EXPECT_THAT(chat.history()[0].answer, StartsWith("A panda")) << "what the model goes on from";
  EXPECT_TRUE(chat.regenerate(panda.default_options()).is_unsure);
  EXPECT_FALSE(chat.ask("And where?", panda.default_options()).is_unsure);
  chat.set_inputs({});
  EXPECT_FALSE(chat.ask("And where?", panda.default_options()).is_unsure);
}

TEST_F(UnsureTest, ManifestsNeedTheFileForIt) {
  set_threshold(0.5F);
  const Manifest manifest = read_manifest(model_);
  EXPECT_EQ(manifest.unsure.at(Modality::kImage), 0.5F);
  EXPECT_EQ(manifest.files().back().role, "familiarity");
  auto document = nlohmann::json::parse(test::read_text(model_ / kManifestName));
  document["files"].erase("familiarity");
  test::write_text(model_ / kManifestName, document.dump());
  EXPECT_THAT(test::error_of([&] { read_manifest(model_); }).what(), HasSubstr("'unsure'"));
}

TEST_F(UnsureTest, AMergedModelHasItStill) {
  set_threshold(0.5F);
  const std::string merged = (folder_ / "merged").string();
  const test::Outcome outcome = run({"merge", "--model", model_.string(), "-o", merged});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Manifest manifest = read_manifest(merged);
  EXPECT_NO_THROW(manifest.verify());
  EXPECT_EQ(manifest.unsure.at(Modality::kImage), 0.5F);
}

TEST_F(UnsureTest, TheProgramSaysItUnlessItIsToldNotTo) {
  set_threshold(0.5F);
  const test::Arguments ask{"ask",     "-t",   "1",      "--model",   model_.string(),
                            "--image", kPhoto, "--json", "Is it big?"};
  EXPECT_EQ(nlohmann::json::parse(run(ask).out)["unsure"], true);
  test::Arguments without = ask;
  without.emplace_back("--no-unsure");
  const auto report = nlohmann::json::parse(run(without).out);
  EXPECT_EQ(report["unsure"], false);
  EXPECT_THAT(report["answer"].get<std::string>(), StartsWith("A panda"));
}

TEST_F(UnsureTest, WarningsAreLinesOnStandardErrorAndInTheJson) {
  const test::Arguments ask{"ask", "-t", "1", "--model", "tiny-panda", "What is in the picture?"};
  const test::Outcome plain = run(ask);
  EXPECT_EQ(plain.code, 0);
  EXPECT_THAT(plain.err, HasSubstr("warning: the question asks about a picture, but none"));
  EXPECT_EQ(std::ranges::count(plain.err, '\n'), 1) << plain.err;
  EXPECT_THAT(plain.out, StartsWith("A panda"));
  test::Arguments with_json = ask;
  with_json.emplace_back("--json");
  EXPECT_EQ(nlohmann::json::parse(run(with_json).out)["warnings"].size(), 1U);
}

}  // namespace
}  // namespace pandagpt
