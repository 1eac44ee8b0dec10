// Whole runs of the trainer on the tiny model folder of the tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "imagebind_fixtures.h"
#include "lexicon_support.h"
#include "pipeline/manifest.h"
#include "tensor/gguf_file.h"
#include "test_support.h"
#include "train/checkpoint.h"
#include "train/llm_trainer.h"
#include "train_data_support.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::about_picture;
using test::conversation_about;
using test::error_of;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

TEST(TrainSchedule, WarmsUpLinearlyAndDecaysToZero) {
  EXPECT_NEAR(learning_rate(0, 100, 1.0, 0.1), 0.1, 1e-12);
  EXPECT_NEAR(learning_rate(9, 100, 1.0, 0.1), 1.0, 1e-12);
  EXPECT_NEAR(learning_rate(54, 100, 1.0, 0.1), 0.5, 1e-12);
  EXPECT_NEAR(learning_rate(99, 100, 1.0, 0.1), 0.0, 1e-12);
}

/// A run on the tiny model folder of the tests.
class TrainRunTest : public testing::Test {
 protected:
  TrainRunTest() {
    write_data(10);
    const Manifest manifest = read_manifest(kFixtures / "tiny-panda");
    files_ = {manifest.llm.path, manifest.encoders.path, manifest.prompt};
  }
  void write_data(int n) const {
    std::string list;
    for (int i = 0; i < n; ++i)
      list += (i == 0 ? "[" : ",") + about_picture("photo_" + std::to_string(i % 5) + ".png",
                                                   "What is it?",
                                                   "Thing number " + std::to_string(i) + ".");
    write_text(folder_ / "data.json", list + "]");
  }
  bool train(const LlmTrainOptions& options) { return LlmTrainer(options, files_, alone_).run(); }
  LlmTrainOptions options(const std::string& out) const {
    LlmTrainOptions o;
    o.data = o.validation = (folder_ / "data.json").string();
    o.media = (kFixtures / "encoders").string();
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
  LlmFiles files_;
  Processes alone_;
};

TEST_F(TrainRunTest, LearnsAndLeavesItsResults) {
  EXPECT_TRUE(train(options("run")));
  std::vector<double> validation;
  for (const auto& line : metrics("run"))
    if (line.contains("validation_loss")) validation.push_back(line["validation_loss"]);
  ASSERT_GE(validation.size(), 2U);
  EXPECT_LT(validation.back(), validation.front());
  for (const char* name : {"projector.gguf", "adapter.gguf", "curves.svg", "training.json"})
    EXPECT_TRUE(fs::exists(folder_ / "run" / name)) << name;
  const auto best =
      nlohmann::json::parse(read_text(folder_ / "run" / "training.json"))["validation"];
  EXPECT_EQ(best["best_loss"], *std::min_element(validation.begin(), validation.end()));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "best" / "projector.gguf"));
  EXPECT_EQ(nlohmann::json::parse(read_text(folder_ / "run" / "training.json"))["status"], "done");
}

// A run that lost its last steps to a kill, and one that never stopped, end bit-equal.
TEST_F(TrainRunTest, ResumedRunIsBitEqual) {
  EXPECT_TRUE(train(options("whole")));
  EXPECT_TRUE(train(options("cut")));
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
  EXPECT_TRUE(train(options("cut")));
  EXPECT_EQ(sha256_file(folder_ / "cut" / "adapter.gguf"),
            sha256_file(folder_ / "whole" / "adapter.gguf"));
  EXPECT_EQ(sha256_file(folder_ / "cut" / "projector.gguf"),
            sha256_file(folder_ / "whole" / "projector.gguf"));
}

TEST_F(TrainRunTest, ARunCanBeMadeLonger) {
  LlmTrainOptions shorter = options("run");
  shorter.max_steps = 4;
  EXPECT_TRUE(train(shorter));
  LlmTrainOptions longer = shorter;
  longer.max_steps = 6;
  EXPECT_TRUE(train(longer));
  std::vector<int> steps;
  for (const auto& line : metrics("run"))
    if (line.contains("lr")) steps.push_back(line["step"]);
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST_F(TrainRunTest, OtherSettingsOrADamagedCheckpointAreRefused) {
  LlmTrainOptions first = options("run");
  first.max_steps = 3;
  EXPECT_TRUE(train(first));
  LlmTrainOptions other = first;
  other.lr = 1e-2;
  const Error error = error_of([&] { train(other); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_NE(std::string(error.what()).find("--restart"), std::string::npos);
  other.restart = true;
  EXPECT_TRUE(train(other));
  fs::resize_file(folder_ / "run" / "checkpoints" / "step-3" / "parameters.pt", 100);
  other.restart = false;
  EXPECT_EQ(error_of([&] { train(other); }).kind(), ErrorKind::kInput);
}

// A run of a version that gave the conversations another order: its steps can't be continued.
TEST_F(TrainRunTest, AnotherOrderOfTheConversationsIsRefused) {
  LlmTrainOptions run = options("run");
  run.max_steps = 2;
  EXPECT_TRUE(train(run));
  const fs::path state = folder_ / "run" / "checkpoints" / "step-2" / "state.json";
  nlohmann::json json = nlohmann::json::parse(test::read_text(state));
  EXPECT_EQ(json["options"]["order"], kOrderVersion);
  json["options"].erase("order");
  test::write_text(state, json.dump());
  run.max_steps = 3;
  EXPECT_NE(std::string(error_of([&] { train(run); }).what()).find("/order"), std::string::npos);
}

TEST_F(TrainRunTest, OtherConversationsUnderACheckpointAreRefused) {
  LlmTrainOptions first = options("run");
  first.validation.clear();
  first.max_steps = 3;
  EXPECT_TRUE(train(first));
  LlmTrainOptions longer = first;
  longer.max_steps = 4;
  write_data(9);
  const Error error = error_of([&] { train(longer); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), HasSubstr("10 conversations"));
  EXPECT_THAT(error.what(), HasSubstr("now 9 conversations"));
  write_data(10);
  EXPECT_TRUE(train(longer)) << "the old ones are back";
}

TEST_F(TrainRunTest, UnreadablePicturesAreListedAndTooManyEndTheRun) {
  const fs::path data = folder_ / "data.json";
  std::string list = read_text(data);
  list.back() = ',';
  write_text(data, list + about_picture("gone.png", "What?", "A.") + "]");
  LlmTrainOptions some = options("run");
  some.validation.clear();
  some.max_steps = 1;
  EXPECT_THAT(error_of([&] { train(some); }).what(), HasSubstr("1 of 11 conversations"));
  EXPECT_THAT(read_text(folder_ / "run" / "left_out.jsonl"), HasSubstr("gone.png"));
  some.max_bad = 0.1;
  EXPECT_TRUE(train(some));
  const auto results = nlohmann::json::parse(read_text(folder_ / "run" / "training.json"));
  EXPECT_EQ(results["data"]["left_out"], 1);
  EXPECT_EQ(results["data"]["conversations"], 10);
}

TEST_F(TrainRunTest, HoldsBackASplitAndShowsSampleAnswers) {
  LlmTrainOptions o = options("run");
  o.validation.clear();
  o.validation_split = 0.4;
  o.sample_every = 5;
  o.n_samples = 2;
  o.sample_tokens = 8;
  EXPECT_TRUE(train(o));
  std::ifstream in(folder_ / "run" / "samples.jsonl");
  std::map<int, int> answers;  // by step
  for (std::string text; std::getline(in, text);) {
    const auto line = nlohmann::json::parse(text);
    EXPECT_EQ(line["question"], "What is it?");
    EXPECT_THAT(line["expected"].get<std::string>(), HasSubstr("Thing number"));
    ++answers[line["step"]];
  }
  const int last = metrics("run").back()["step"];
  EXPECT_EQ(answers[5], 2);
  EXPECT_EQ(answers[last], 2);
  EXPECT_THAT(read_text(folder_ / "run" / "samples.md"), HasSubstr("| 5 |"));
  EXPECT_FALSE(fs::exists(folder_ / "run" / "samples.tmp"));
  // neither validation nor samples touch the training
  LlmTrainOptions plain = o;
  plain.out = (folder_ / "plain").string();
  plain.sample_every = 0;
  EXPECT_TRUE(train(plain));
  EXPECT_EQ(sha256_file(folder_ / "run" / "adapter.gguf"),
            sha256_file(folder_ / "plain" / "adapter.gguf"));
}

// Every kind of input, alone, together, and none, from JSON lines; sample questions from a file.
TEST_F(TrainRunTest, LearnsFromInputsOfEveryKind) {
  files_.encoders = folder_ / "imagebind.gguf";
  test::write_tiny_encoders(files_.encoders);
  const nlohmann::json inputs[] = {{{"image", "picture.png"}},
                                   {{"video", "rolling_ball.avi"}},
                                   {{"audio", "bell.wav"}},
                                   {{"thermal", "thermal_grey.png"}},
                                   {{"depth", "depth_mm.png"}},
                                   {{"imu", "walking_imu.csv"}},
                                   {{"image", "picture.png"}, {"audio", "bell.wav"}},
                                   nlohmann::json::object()};
  std::string lines;
  for (const nlohmann::json& some : inputs)
    lines += conversation_about(some, "What is it?", "Some kind of thing.").dump() + "\n";
  write_text(folder_ / "kinds.jsonl", lines);
  auto question = conversation_about({{"audio", "bell.wav"}}, "What is it?", "A bell.");
  question["conversation"].push_back({{"from", "human"}, {"value", "And how loud?"}});
  write_text(folder_ / "questions.json", "[" + question.dump() + "]");

  LlmTrainOptions o = options("run");
  o.data = o.validation = (folder_ / "kinds.jsonl").string();
  o.media = (fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data").string();
  o.sample_questions = (folder_ / "questions.json").string();
  o.sample_every = 100;
  o.sample_tokens = 4;
  o.epochs = 12;
  EXPECT_TRUE(train(o));
  std::vector<double> validation;
  for (const auto& line : metrics("run"))
    if (line.contains("validation_loss")) validation.push_back(line["validation_loss"]);
  EXPECT_LT(validation.back(), 0.9 * validation.front());
  EXPECT_THAT(read_text(folder_ / "run" / "samples.jsonl"), HasSubstr("And how loud?"));
  const auto results = nlohmann::json::parse(read_text(folder_ / "run" / "training.json"));
  EXPECT_EQ(results["data"]["conversations"], 8);
  EXPECT_EQ(results["data"]["sources"], 7);
}

TEST_F(TrainRunTest, ALexiconIsKeptAndStandsBesideTheProjectorsEmbeddings) {
  LlmTrainOptions o = options("first");
  o.max_steps = 2;
  EXPECT_TRUE(train(o));
  fs::create_directories(folder_ / "named");
  fs::copy_file(folder_ / "first" / "adapter.gguf", folder_ / "named" / "adapter.gguf");
  test::add_lexicon_to(folder_ / "first" / "projector.gguf", folder_ / "named" / "projector.gguf",
                       3);
  o = options("second");
  o.init = (folder_ / "named").string();
  o.export_type = "f32";
  o.sample_every = 100;
  o.n_samples = 1;
  o.sample_tokens = 4;
  EXPECT_TRUE(train(o));

  const GgufFile given(folder_ / "named" / "projector.gguf");
  const GgufFile made(folder_ / "second" / "projector.gguf");
  for (const char* name :
       {lexicon_keys::kKeysWeight, lexicon_keys::kKeysBias, lexicon_keys::kWordsTensor})
    EXPECT_EQ(made.read_f32(name), given.read_f32(name)) << name;
  EXPECT_EQ(made.get_str_array(lexicon_keys::kNames), given.get_str_array(lexicon_keys::kNames));
  EXPECT_EQ(made.get_u32(projector_keys::kImageTokens), 1U);
  std::int64_t plain_tokens = 0, tokens = 0;
  for (const auto& line : metrics("first"))
    if (line.value("step", 0) == 1 && line.contains("tokens")) plain_tokens = line["tokens"];
  for (const auto& line : metrics("second"))
    if (line.value("step", 0) == 1 && line.contains("tokens")) tokens = line["tokens"];
  // two pictures in the first step, each prompt laid down once
  EXPECT_EQ(tokens, plain_tokens + 2 * test::kLexiconWords);

  // the run goes on only with it
  o.epochs = 5;
  EXPECT_TRUE(train(o));
  o.init.clear();
  EXPECT_EQ(error_of([&] { train(o); }).kind(), ErrorKind::kInput);
}

}  // namespace
}  // namespace pandagpt::train
