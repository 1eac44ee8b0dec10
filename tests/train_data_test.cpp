// The trainer around its model: data, order, packing, feature cache, checkpoints, a whole run.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/file.h"
#include "encoders/encoders.h"
#include "pipeline/manifest.h"
#include "test_support.h"
#include "train/checkpoint.h"
#include "train/dataset.h"
#include "train/feature_cache.h"
#include "train/image_views.h"
#include "train/llm_trainer.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;

const fs::path kFixtures = PANDAGPT_FIXTURES;

std::string entry(const std::string& image, const std::string& question,
                  const std::string& answer) {
  return nlohmann::json{
      {"image_name", image},
      {"conversation",
       {{{"from", "human"}, {"value", question}}, {{"from", "gpt"}, {"value", answer}}}}}
      .dump();
}

TEST(TrainData, ReadsJsonAndJsonLines) {
  const TemporaryFolder folder;
  const std::string a = entry("a.jpg", "What?", "A dog.");
  const std::string b = entry("b.jpg", "What?", "A cat.");
  write_text(folder / "d.json", "[" + a + "," + b + "]");
  write_text(folder / "d.jsonl", a + "\n\n" + b + "\n");
  for (const char* name : {"d.json", "d.jsonl"}) {
    const auto conversations = read_conversations(folder / name);
    ASSERT_EQ(conversations.size(), 2U) << name;
    EXPECT_EQ(conversations[1].image_name, "b.jpg");
    EXPECT_TRUE(conversations[1].turns[0].is_human);
    EXPECT_EQ(conversations[1].turns[1].text, "A cat.");
  }
}

TEST(TrainData, WrongEntriesAreNamed) {
  const TemporaryFolder folder;
  const std::string good = entry("a.jpg", "What?", "A dog.");
  const auto message_of = [&](const std::string& text) {
    write_text(folder / "d.json", text);
    const Error error = error_of([&] { read_conversations(folder / "d.json"); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return std::string(error.what());
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(contains(message_of("[" + good + ", {}]"), "entry 1: 'image_name'"));
  EXPECT_TRUE(contains(message_of("[" + entry("a.jpg", "What?", "") + "]"), "answer is empty"));
  EXPECT_TRUE(contains(message_of(R"([{"image_name": 3}])"), "entry 0: 'image_name'"));
  EXPECT_TRUE(contains(
      message_of(R"([{"image_name": "a", "conversation": [{"from": "gpt", "value": "x"}]}])"),
      "alternate"));
  EXPECT_TRUE(contains(
      message_of(R"([{"image_name": "a", "conversation": [{"from": "human", "value": "x"}]}])"),
      "no answer"));
  EXPECT_TRUE(contains(
      message_of(R"([{"image_name": "a", "conversation": [{"from": "user", "value": "x"}]}])"),
      "'user'"));
  EXPECT_TRUE(contains(message_of("[" + good), "not valid JSON"));
  EXPECT_TRUE(contains(message_of("{}"), "list was expected"));
  EXPECT_TRUE(contains(message_of("[]"), "no conversations"));
}

// One token a byte, so that positions can be counted in the text.
std::vector<std::int32_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

DataSet two_turns(std::int64_t max_length = 1024) {
  Conversation c{"a.jpg", {{true, "q1"}, {false, "a1"}, {true, "q2"}, {false, "a2"}}};
  return tokenize({c}, bytes_of, {PromptTemplate{}, 1, 2, max_length});
}

TEST(TrainData, TokensFollowThePromptProtocolAndOnlyAnswersAreLabels) {
  const DataSet data = two_turns();
  ASSERT_EQ(data.examples.size(), 1U);
  std::string text, labels;
  for (std::size_t i = 0; i < data.examples[0].tokens.size(); ++i) {
    const std::int32_t token = data.examples[0].tokens[i];
    text += token == Example::kImageToken ? '*' : token == 1 ? '^' : static_cast<char>(token);
    if (data.examples[0].is_label[i]) labels += static_cast<char>(token);
  }
  EXPECT_EQ(text,
            "^### Human: <Img>**</Img> q1\n### Assistant:a1\n### Human: q2\n### Assistant:a2\n###");
  EXPECT_EQ(labels, "a1\n###a2\n###");
}

TEST(TrainData, OverlongConversationsAreCutAndCountedOrDropped) {
  const DataSet cut = two_turns(50);
  EXPECT_EQ(cut.n_truncated, 1);
  EXPECT_EQ(cut.examples.at(0).tokens.size(), 50U);
  const DataSet dropped = two_turns(20);  // ends before the first answer
  EXPECT_EQ(dropped.n_dropped, 1);
  EXPECT_TRUE(dropped.examples.empty());
}

DataSet many_examples() {
  DataSet data;
  for (int i = 0; i < 53; ++i) {
    Example e;
    e.image = i / 5;
    e.tokens = {1, Example::kImageToken, 7, 8, 10 + i};
    e.is_label = {0, 0, 0, 0, 1};
    data.examples.push_back(e);
  }
  return data;
}

TEST(TrainData, AnEpochHasEveryExampleOnceInAnOrderOfItsOwn) {
  const DataSet data = many_examples();
  const auto flat = [&](std::uint64_t seed, std::int64_t epoch) {
    std::vector<std::int64_t> all;
    for (const Batch& batch : order_epoch(data, {8, 3, seed}, epoch))
      for (const Group& group : batch) {
        EXPECT_LE(group.size(), 3U);
        for (const std::int64_t member : group) {
          EXPECT_EQ(data.examples[static_cast<std::size_t>(member)].image,
                    data.examples[static_cast<std::size_t>(group[0])].image);
          all.push_back(member);
        }
      }
    return all;
  };
  const auto first = flat(1, 0);
  EXPECT_EQ(std::set<std::int64_t>(first.begin(), first.end()).size(), data.examples.size());
  EXPECT_EQ(first.size(), data.examples.size());
  EXPECT_EQ(first, flat(1, 0));
  EXPECT_NE(first, flat(1, 1));
  EXPECT_NE(first, flat(2, 0));
}

TEST(TrainData, PackedRowsPredictTheRightTokens) {
  const DataSet data = many_examples();
  const std::vector<float> features(3, 1.0F);
  const PackedBatch batch = pack(
      data, {{0, 1, 2}, {9}}, [&](std::int64_t) { return features.data(); }, 3);
  // 4 shared tokens and 3 answers of 1, then a lone sequence of 5, padded to a multiple
  EXPECT_EQ(batch.n_tokens, 4 + 3 + 5);
  EXPECT_EQ(batch.tokens.size(0) % kPackMultiple, 0);
  EXPECT_TRUE(torch::equal(batch.label_rows, torch::tensor({3, 3, 3, 10}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({10, 11, 12, 19}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.layout.positions.narrow(0, 0, 12),
                           torch::tensor({0, 1, 2, 3, 4, 4, 4, 0, 1, 2, 3, 4}, torch::kInt64)));
  EXPECT_EQ(batch.image_rows.size(0), 2);
  EXPECT_EQ(batch.layout.trees.size(), 3U);  // group, lone sequence, padding
}

TEST(TrainSchedule, WarmsUpLinearlyAndDecaysToZero) {
  EXPECT_NEAR(learning_rate(0, 100, 1.0, 0.1), 0.1, 1e-12);
  EXPECT_NEAR(learning_rate(9, 100, 1.0, 0.1), 1.0, 1e-12);
  EXPECT_NEAR(learning_rate(54, 100, 1.0, 0.1), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(99, 100, 1.0, 0.1), 0.0, 1e-12);
}

class FeatureCacheTest : public testing::Test {
 protected:
  FeatureCacheTest() : encoders_(kFixtures / "tiny-panda" / "encoders.gguf", {.n_threads = 1}) {
    fs::copy_file(kFixtures / "encoders" / "photo_0.png", folder_ / "a.png");
    fs::copy_file(kFixtures / "encoders" / "photo_1.png", folder_ / "b.png");
  }
  FeatureCache open() {
    return FeatureCache(folder_ / "cache", encoders_.fingerprint(), encoders_.n_embd());
  }
  FeatureTable load(FeatureCache& cache, double max_failures = 0.01) {
    return load_features({"a.png", "b.png"}, folder_.path(), encoders_, cache, 2, max_failures);
  }

  TemporaryFolder folder_;
  Encoders encoders_;
};

TEST_F(FeatureCacheTest, RemembersAcrossRunsAndSeesAChangedPicture) {
  FeatureTable first;
  {
    FeatureCache cache = open();
    first = load(cache);
    EXPECT_EQ(cache.size(), 4U);  // two pictures, plain and mirrored
  }
  const auto n = static_cast<std::size_t>(first.n_features);
  EXPECT_NE(std::vector<float>(first.row(0, 0), first.row(0, 0) + n),
            std::vector<float>(first.row(0, 1), first.row(0, 1) + n));
  {
    FeatureCache cache = open();
    EXPECT_EQ(cache.size(), 4U);
    EXPECT_EQ(load(cache).values, first.values);
    EXPECT_EQ(cache.size(), 4U) << "nothing was computed again";
  }
  fs::copy_file(kFixtures / "encoders" / "photo_2.png", folder_ / "a.png",
                fs::copy_options::overwrite_existing);
  FeatureCache cache = open();
  const FeatureTable changed = load(cache);
  EXPECT_EQ(cache.size(), 6U);
  EXPECT_FALSE(std::equal(changed.row(0, 0), changed.row(0, 0) + n, first.row(0, 0)));
  EXPECT_TRUE(std::equal(changed.row(1, 0), changed.row(1, 0) + n, first.row(1, 0)));
}

TEST(ImageView, IsMirroredOrCutAndAlwaysTheSame) {
  Image image{40, 20, Bytes(40 * 20 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(i % 251);
  EXPECT_EQ(image_view(image, "key", 0).rgb, image.rgb);
  const Image mirrored = image_view(image, "key", 1);
  EXPECT_NE(mirrored.rgb, image.rgb);
  EXPECT_EQ(image_view(mirrored, "key", 1).rgb, image.rgb) << "twice is the picture again";
  for (int view = 2; view < 50; ++view) {
    const Image crop = image_view(image, "key", view);
    EXPECT_EQ(crop.rgb, image_view(image, "key", view).rgb);
    EXPECT_NE(crop.rgb, image_view(image, "other", view).rgb);
    ASSERT_LE(crop.width, image.width);
    ASSERT_LE(crop.height, image.height);
    // a wide picture can't hold the tallest of the drawn boxes whole
    EXPECT_GE(crop.width * crop.height, kMinCropArea * 0.5 * image.width * image.height);
    EXPECT_EQ(crop.rgb.size(), static_cast<std::size_t>(crop.width * crop.height * 3));
  }
}

TEST_F(FeatureCacheTest, ATornOrDamagedRecordIsComputedAgain) {
  FeatureTable first;
  fs::path path;
  {
    FeatureCache cache = open();
    first = load(cache);
    path = cache.path();
  }
  fs::resize_file(path, fs::file_size(path) - 10);  // as a kill in the middle of a write leaves it
  {
    FeatureCache cache = open();
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(load(cache).values, first.values);
  }
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100);  // inside the first record
    file.put('\x5a');
  }
  FeatureCache cache = open();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(load(cache).values, first.values);
}

TEST_F(FeatureCacheTest, UnreadablePicturesAreListedAndTooManyEndTheRun) {
  write_text(folder_ / "b.png", "not a picture");
  FeatureCache cache = open();
  const FeatureTable table = load(cache, 0.9);
  EXPECT_EQ(table.present, (std::vector<std::uint8_t>{1, 0}));
  ASSERT_EQ(table.failures.size(), 1U);
  EXPECT_NE(table.failures[0].find("b.png"), std::string::npos);
  fs::remove(folder_ / "a.png");
  EXPECT_EQ(error_of([&] { load(cache, 0.01); }).kind(), ErrorKind::kInput);
}

/// A run on the tiny model folder of the tests.
class TrainRunTest : public testing::Test {
 protected:
  TrainRunTest() {
    std::string list;
    for (int i = 0; i < 10; ++i) {
      const std::string image = "photo_" + std::to_string(i % 5) + ".png";
      list += (i == 0 ? "[" : ",") +
              entry(image, "What is it?", "Thing number " + std::to_string(i) + ".");
    }
    write_text(folder_ / "data.json", list + "]");
    const Manifest manifest = read_manifest(kFixtures / "tiny-panda");
    inputs_ = {manifest.llm.path, manifest.encoders.path, manifest.prompt};
  }
  LlmTrainOptions options(const std::string& out) const {
    LlmTrainOptions o;
    o.data = o.validation = (folder_ / "data.json").string();
    o.images = (kFixtures / "encoders").string();
    o.out = (folder_ / out).string();
    o.cache = (folder_ / "cache").string();
    o.dtype = "f32";
    o.threads = 1;
    o.epochs = 4;
    o.batch_size = 4;
    o.answers_per_group = 2;
    o.lora_rank = 4;
    o.lr = 5e-3;
    o.n_views = 3;
    o.feature_dropout = 0.1;
    o.save_every = 3;
    o.validate_every = 6;
    return o;
  }
  std::vector<nlohmann::json> metrics(const std::string& out) const {
    std::vector<nlohmann::json> lines;
    std::ifstream in(folder_ / out / "metrics.jsonl");
    for (std::string line; std::getline(in, line);)
      lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  TemporaryFolder folder_;
  LlmTrainer::Inputs inputs_;
  Processes alone_;
};

TEST_F(TrainRunTest, LearnsAndLeavesItsResults) {
  EXPECT_TRUE(LlmTrainer(options("run"), inputs_, alone_).run());
  std::vector<double> validation;
  for (const auto& line : metrics("run"))
    if (line.contains("validation_loss")) validation.push_back(line["validation_loss"]);
  ASSERT_GE(validation.size(), 2U);
  EXPECT_LT(validation.back(), validation.front());
  for (const char* name : {"projector.gguf", "adapter.gguf", "loss.svg", "training.json"})
    EXPECT_TRUE(fs::exists(folder_ / "run" / name)) << name;
  const auto best =
      nlohmann::json::parse(read_text(folder_ / "run" / "training.json"))["validation"];
  EXPECT_EQ(best["best_loss"], *std::min_element(validation.begin(), validation.end()));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "best" / "projector.gguf"));
  EXPECT_EQ(nlohmann::json::parse(read_text(folder_ / "run" / "training.json"))["status"], "done");
}

// A run that lost its last steps to a kill, and one that never stopped, end bit-equal.
TEST_F(TrainRunTest, ResumedRunIsBitEqual) {
  EXPECT_TRUE(LlmTrainer(options("whole"), inputs_, alone_).run());
  EXPECT_TRUE(LlmTrainer(options("cut"), inputs_, alone_).run());
  const fs::path checkpoints = folder_ / "cut" / "checkpoints";
  // the run keeps its last two checkpoints; without the last it has to go on from the one before
  std::vector<fs::path> kept;
  for (const auto& item : fs::directory_iterator(checkpoints))
    kept.push_back(item.path());
  ASSERT_EQ(kept.size(), 2U);
  const auto step = [](const fs::path& path) {
    return std::stoi(path.filename().string().substr(5));
  };
  std::sort(kept.begin(), kept.end(),
            [&](const fs::path& a, const fs::path& b) { return step(a) < step(b); });
  fs::remove_all(kept[1]);
  fs::remove(folder_ / "cut" / "adapter.gguf");
  fs::create_directories(checkpoints /
                         "step-999999.tmp");  // what a kill while saving leaves behind
  EXPECT_TRUE(LlmTrainer(options("cut"), inputs_, alone_).run());
  EXPECT_EQ(sha256_file(folder_ / "cut" / "adapter.gguf"),
            sha256_file(folder_ / "whole" / "adapter.gguf"));
  EXPECT_EQ(sha256_file(folder_ / "cut" / "projector.gguf"),
            sha256_file(folder_ / "whole" / "projector.gguf"));
}

TEST_F(TrainRunTest, ARunCanBeMadeLonger) {
  LlmTrainOptions shorter = options("run");
  shorter.max_steps = 4;
  EXPECT_TRUE(LlmTrainer(shorter, inputs_, alone_).run());
  LlmTrainOptions longer = shorter;
  longer.max_steps = 6;
  EXPECT_TRUE(LlmTrainer(longer, inputs_, alone_).run());
  std::vector<int> steps;
  for (const auto& line : metrics("run"))
    if (line.contains("lr")) steps.push_back(line["step"]);
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST_F(TrainRunTest, OtherSettingsOrADamagedCheckpointAreRefused) {
  LlmTrainOptions first = options("run");
  first.max_steps = 3;
  EXPECT_TRUE(LlmTrainer(first, inputs_, alone_).run());
  LlmTrainOptions other = first;
  other.lr = 1e-2;
  const Error error = error_of([&] { LlmTrainer(other, inputs_, alone_).run(); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_NE(std::string(error.what()).find("--restart"), std::string::npos);
  other.restart = true;
  EXPECT_TRUE(LlmTrainer(other, inputs_, alone_).run());
  fs::resize_file(folder_ / "run" / "checkpoints" / "step-3" / "parameters.pt", 100);
  other.restart = false;
  EXPECT_EQ(error_of([&] { LlmTrainer(other, inputs_, alone_).run(); }).kind(), ErrorKind::kInput);
}

}  // namespace
}  // namespace pandagpt::train
