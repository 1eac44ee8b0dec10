// Whole jobs of `pandagpt-train bind`: what they learn, how they go on, and what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "encoders/encoders.h"
#include "test_support.h"
#include "train/bind/sample.h"
#include "train/bind/tower_settings.h"
#include "train_job_support.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::read_text;
using test::TemporaryFolder;
using test::TrainerProcess;
using test::write_text;
using testing::HasSubstr;
using Json = nlohmann::json;

const fs::path kFixtures = PANDAGPT_FIXTURES;

const std::string kTinySizes =
    R"({"embedding_length": 16, "towers": {
         "imu": {"width": 32, "block_count": 2, "head_count": 2, "input": [6, 1, 1, 100],
                 "kernel": [1, 1, 10], "stride": [1, 1, 10]},
         "text": {"width": 16, "block_count": 1, "head_count": 2, "context_length": 16,
                  "vocab_size": 540}}})";
const std::vector<std::string> kMotions = {"to and fro", "a shake", "lying still"};

class BindJobTest : public testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  BindJobTest() {
    write_motions("train.jsonl", 8, 0);
    write_motions("test.jsonl", 4, 100);
  }

  /// Recordings of each motion, and the list of them.
  void write_motions(const std::string& list, int n_each, int first) {
    std::string lines;
    for (int i = 0; i < n_each * static_cast<int>(kMotions.size()); ++i) {
      const std::string name = "motion" + std::to_string(first + i) + ".csv";
      const auto motion = static_cast<std::size_t>(i) % kMotions.size();
      write_motion(name, motion, first + i);
      lines += Json{{"imu", name}, {"label", kMotions[motion]}}.dump() + "\n";
    }
    write_text(folder_ / list, lines);
  }

  void write_motion(const std::string& name, std::size_t motion, int number) {
    const double along[] = {4, 0, 0};
    const double across[] = {0, 4, 0};
    std::ofstream out(folder_ / name);
    out << "# rate: 50 Hz\nacc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z\n";
    for (int i = 0; i < 200; ++i) {
      const double wave = std::sin(2 * 3.14159265 * i / 50 + number);
      out << along[motion] * wave << ',' << across[motion] * wave << ",9.8," << along[motion] * wave
          << ",0," << across[motion] * wave << '\n';
    }
  }

  Arguments arguments(const std::string& out, const Arguments& more = {}) const {
    Arguments all = {"bind",
                     "--encoders",
                     "none",
                     "--train",
                     "imu,text",
                     "--sizes",
                     kTinySizes,
                     "--data",
                     (folder_ / "train.jsonl").string(),
                     "--validation",
                     (folder_ / "test.jsonl").string(),
                     "--template",
                     "imu={}",
                     "--template",
                     "imu=someone doing {}",
                     "--out",
                     (folder_ / out).string(),
                     "--steps",
                     "60",
                     "--batch-size",
                     "12",
                     "--lr",
                     "1e-3",
                     "--dtype",
                     "f32",
                     "--threads",
                     "1",
                     "--drop-path",
                     "0.1",
                     "--head-dropout",
                     "0.1",
                     "--patch-dropout",
                     "0.1",
                     "--mixup",
                     "0.2",
                     "--average",
                     "0.9",
                     "--save-every",
                     "10",
                     "--validate-every",
                     "20"};
    for (std::size_t i = 0; i + 1 < more.size(); i += 2) {
      const auto known = std::ranges::find(all, more[i]);
      if (known != all.end())
        *(known + 1) = more[i + 1];
      else
        all.insert(all.end(), {more[i], more[i + 1]});
    }
    return all;
  }

  TrainerProcess start(const std::string& out, const Arguments& more = {}) const {
    return {arguments(out, more), folder_ / (out + ".log")};
  }

  void run(const std::string& out, const Arguments& more = {}) const {
    TrainerProcess process = start(out, more);
    EXPECT_EQ(process.wait(), 0) << process.log();
  }

  /// Runs to the end, which is to be a failure; returns what was said.
  std::string refused(int code, const Arguments& more) const {
    TrainerProcess process = start("refused", more);
    EXPECT_EQ(process.wait(), code) << process.log();
    return process.log();
  }

  Json results(const std::string& out) const {
    return Json::parse(read_text(folder_ / out / "training.json"));
  }

  std::string weights_of(const std::string& out) const {
    return sha256_file(folder_ / out / "encoders.gguf");
  }

  TemporaryFolder folder_;
};

/// Index of the label whose text is nearest, by inference alone.
std::size_t nearest_motion(Encoders& encoders, const fs::path& recording) {
  const MediaTransforms transforms = encoders.transforms();
  const MediaTensor tensor =
      prepare({.modality = Modality::kImu, .name = recording.string()}, transforms);
  const auto motion = encoders.encode(TowerKind::kImu, tensor.values, 1, tensor.n_views);
  const auto texts = encoders.encode_texts(kMotions);
  std::size_t best = 0;
  double highest = -1e9;
  for (std::size_t label = 0; label < kMotions.size(); ++label) {
    double product = 0;
    for (std::size_t i = 0; i < motion.size(); ++i)
      product += double{motion[i]} * texts[label * motion.size() + i];
    if (product > highest) highest = product, best = label;
  }
  return best;
}

TEST_F(BindJobTest, LearnsMotionsThatInferenceThenNames) {
  run("run");
  EXPECT_GE(results("run")["validation"]["lists"]["test"]["accuracy"].get<double>(), 0.9);
  Encoders encoders(folder_ / "run" / "encoders.gguf", {.n_threads = 1});
  int n_right = 0;
  for (int i = 0; i < 12; ++i)
    n_right += nearest_motion(encoders, folder_ / ("motion" + std::to_string(100 + i) + ".csv")) ==
               static_cast<std::size_t>(i) % kMotions.size();
  EXPECT_GE(n_right, 11);
  EXPECT_TRUE(fs::exists(folder_ / "run" / "best" / "encoders.gguf"));
  EXPECT_THAT(read_text(folder_ / "run" / "curves.svg"), HasSubstr("<svg"));
  EXPECT_FALSE(fs::exists(folder_ / "run" / "failures.txt"));
}

TEST_F(BindJobTest, AKilledRunGoesOnBitEqual) {
  run("whole");
  for (const int step : {13, 37}) {
    TrainerProcess process = start("cut");
    ASSERT_TRUE(process.reaches(folder_ / "cut", step)) << process.log();
    process.send(SIGKILL);
    EXPECT_EQ(process.wait(), 128 + SIGKILL);
  }
  TrainerProcess process = start("cut");
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(process.log(), HasSubstr("going on from step"));
  EXPECT_EQ(weights_of("whole"), weights_of("cut"));
  EXPECT_EQ(results("whole")["validation"], results("cut")["validation"]);
}

TEST_F(BindJobTest, ASignalStopsWithACheckpoint) {
  TrainerProcess process = start("cut", {"--steps", "100000"});
  ASSERT_TRUE(process.reaches(folder_ / "cut", 12)) << process.log();
  process.send(SIGINT);
  EXPECT_EQ(process.wait(), 0) << process.log();
  EXPECT_EQ(results("cut")["status"], "stopped");
  const int steps = results("cut")["steps"];
  EXPECT_TRUE(fs::exists(folder_ / "cut" / "checkpoints" / ("step-" + std::to_string(steps))));
}

TEST_F(BindJobTest, PartsOfABatchTrainTheSame) {
  const Arguments few = {"--steps", "15", "--export-type", "f32"};
  run("whole", few);
  Arguments in_parts = few;
  in_parts.insert(in_parts.end(), {"--part", "5"});
  run("parts", in_parts);
  const GgufFile whole(folder_ / "whole" / "encoders.gguf");
  const GgufFile parts(folder_ / "parts" / "encoders.gguf");
  for (const GgufTensor& tensor : whole.tensors()) {
    const auto a = whole.read_f32(tensor.name);
    const auto b = parts.read_f32(tensor.name);
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], 2e-3) << tensor.name;
  }
}

TEST_F(BindJobTest, AnotherTowerIsAddedToFrozenOnes) {
  run("run");
  const fs::path base = folder_ / "run" / "encoders.gguf";
  // depth maps bound to recordings, then to texts; both towers frozen
  std::string to_imu;
  std::string to_text;
  for (int i = 0; i < 6; ++i) {
    const std::string map = (kFixtures / "sensors" / (i % 2 ? "depth_mm.png" : "depth_u16.tif"));
    to_imu += Json{{"depth", map}, {"imu", "motion" + std::to_string(i) + ".csv"}}.dump() + "\n";
    to_text += Json{{"depth", map}, {"label", kMotions[i % 2]}}.dump() + "\n";
  }
  write_text(folder_ / "to_imu.jsonl", to_imu);
  write_text(folder_ / "to_text.jsonl", to_text);
  run("depth", {"--encoders", base.string(), "--train", "depth", "--sizes",
                R"({"towers": {"depth": {"width": 16, "block_count": 1, "head_count": 2,
                    "input": [1, 1, 16, 16], "kernel": [1, 8, 8], "stride": [1, 8, 8]}}})",
                "--data", (folder_ / "to_imu.jsonl").string() + "=2", "--validation",
                (folder_ / "to_text.jsonl").string(), "--steps", "5"});
  const GgufFile before(base);
  const GgufFile after(folder_ / "depth" / "encoders.gguf");
  for (const GgufTensor& tensor : before.tensors())
    EXPECT_TRUE(std::ranges::equal(tensor.data, after.tensor(tensor.name).data)) << tensor.name;
  const Encoders encoders(folder_ / "depth" / "encoders.gguf", {.n_threads = 1});
  EXPECT_TRUE(encoders.has(TowerKind::kDepth));
  // and the IMU tower trained further, from its own weights
  run("more", {"--encoders", base.string(), "--train", "imu", "--sizes", "", "--steps", "1", "--lr",
               "1e-9", "--export-type", "f32"});
  const GgufFile more(folder_ / "more" / "encoders.gguf");
  EXPECT_NEAR(more.read_f32("imu.head.weight")[3], before.read_f32("imu.head.weight")[3], 1e-6);
}

TEST_F(BindJobTest, ImageHeadAndTextsAreTrainedTogetherOnATrunk) {
  std::string lines;
  for (int i = 0; i < 5; ++i)
    lines +=
        Json{{"image", (kFixtures / "encoders" / ("photo_" + std::to_string(i) + ".png"))},
             {"text", {"photo number " + std::to_string(i), "the picture " + std::to_string(i)}}}
            .dump() +
        "\n";
  write_text(folder_ / "photos.jsonl", lines);
  run("run",
      {"--encoders", (kFixtures / "tiny-panda" / "encoders.gguf").string(), "--train", "image,text",
       "--sizes",
       R"({"embedding_length": 12, "towers": {"image": {"hidden": 20}, "text": {"width": 16,
                  "block_count": 1, "head_count": 2, "context_length": 12, "vocab_size": 530}}})",
       "--data", (folder_ / "photos.jsonl").string(), "--validation",
       (folder_ / "photos.jsonl").string(), "--steps", "80", "--views", "2", "--lr", "1e-2"});
  EXPECT_GE(results("run")["validation"]["lists"]["photos"]["recall_at_1"].get<double>(), 0.8);
  Encoders encoders(folder_ / "run" / "encoders.gguf", {.n_threads = 1});
  EXPECT_EQ(encoders.n_embd(), 12);
  const std::vector<Image> photo{load_image(kFixtures / "encoders" / "photo_2.png")};
  const auto picture =
      encoders.encode(TowerKind::kVision, picture_tensors(photo, encoders.transforms()), 1);
  double length = 0;
  for (const float value : picture)
    length += double{value} * value;
  EXPECT_NEAR(std::sqrt(length), std::sqrt(12.0), 1e-3);
}

TEST_F(BindJobTest, ASenseSharesTheTrunkAndPicturesStayAsTheyAre) {
  std::string photos;
  std::string maps;
  for (int i = 0; i < 5; ++i) {
    const Json text = {"photo number " + std::to_string(i), "the picture " + std::to_string(i)};
    photos += Json{{"image", kFixtures / "encoders" / ("photo_" + std::to_string(i) + ".png")},
                   {"text", text}}
                  .dump() +
              "\n";
  }
  for (const fs::path& map : {kFixtures / "sensors" / "depth_mm.png",
                              fs::path(PANDAGPT_SOURCE_DIR) / "examples/data/person_depth_mm.png"})
    maps += Json{{"depth", map}, {"label", map.stem()}}.dump() + "\n";
  write_text(folder_ / "photos.jsonl", photos);
  write_text(folder_ / "maps.jsonl", maps);
  run("photos",
      {"--encoders", (kFixtures / "tiny-panda" / "encoders.gguf").string(), "--train", "image,text",
       "--sizes",
       R"({"embedding_length": 4, "towers": {"image": {"principal": true}, "text": {"width": 16,
           "block_count": 1, "head_count": 2, "context_length": 12, "vocab_size": 530}}})",
       "--data", (folder_ / "photos.jsonl").string(), "--validation",
       (folder_ / "photos.jsonl").string(), "--steps", "3"});
  const fs::path base = folder_ / "photos" / "encoders.gguf";
  const std::string list = (folder_ / "maps.jsonl").string();
  run("maps",
      {"--encoders", base.string(), "--train", "depth", "--sizes",
       R"({"towers": {"depth": {"trunk": true, "hidden": 20, "input": [1, 1, 32, 32]}}})", "--data",
       list, "--validation", list, "--steps", "60", "--views", "2", "--lr", "1e-2"});
  EXPECT_EQ(results("maps")["validation"]["lists"]["maps"]["accuracy"].get<double>(), 1.0);
  const Encoders made(folder_ / "maps" / "encoders.gguf", {.n_threads = 1});
  EXPECT_EQ(made.view_length(TowerKind::kDepth), 32 * 32);
  // more training changes the head, and neither the trunk nor the pictures' components
  run("more", {"--encoders", (folder_ / "maps" / "encoders.gguf").string(), "--train", "depth",
               "--sizes", "", "--data", list, "--validation", list, "--steps", "3"});
  const GgufFile before(folder_ / "maps" / "encoders.gguf");
  const GgufFile after(folder_ / "more" / "encoders.gguf");
  for (const GgufTensor& tensor : before.tensors())
    EXPECT_EQ(std::ranges::equal(tensor.data, after.tensor(tensor.name).data),
              !tensor.name.starts_with("depth."))
        << tensor.name;
}

TEST_F(BindJobTest, UnreadableInputsAreLeftOutAndListed) {
  write_text(folder_ / "motion0.csv", "nothing of the kind\n");
  run("run", {"--max-failures", "0.2", "--steps", "2"});
  EXPECT_THAT(read_text(folder_ / "run" / "failures.txt"), HasSubstr("motion0.csv"));
  fs::remove(folder_ / "motion3.csv");
  fs::remove(folder_ / "motion4.csv");
  EXPECT_THAT(refused(3, {"--steps", "2"}), HasSubstr("3 inputs can't be read"));
}

TEST_F(BindJobTest, WhatCantBeIsRefusedBeforeTraining) {
  EXPECT_THAT(refused(2, {"--train", "smell"}), HasSubstr("\"smell\""));
  EXPECT_THAT(refused(2, {"--train", "audio", "--sizes", ""}),
              HasSubstr("no list of --data has this sense"));
  EXPECT_THAT(refused(4, {"--train", "imu", "--sizes", ""}),
              HasSubstr("the lists need a text tower"));
  EXPECT_THAT(
      refused(2, {"--template", "imu={}=", "--data", (folder_ / "train.jsonl").string() + "=0"}),
      HasSubstr("the weight must be positive"));
  EXPECT_THAT(refused(3, {"--data", (folder_ / "none.jsonl").string()}), HasSubstr("none.jsonl"));
  EXPECT_THAT(refused(2, {"--steps", "0"}), HasSubstr("--steps"));
  EXPECT_THAT(
      refused(2, {"--train", "imu,text", "--sizes", R"({"towers": {"imu": {"trunk": true}}})"}),
      HasSubstr("there is no convolutional trunk to share"));
  run("run", {"--steps", "10"});
  TrainerProcess other = start("run", {"--steps", "20", "--lr", "2e-3"});
  EXPECT_EQ(other.wait(), 3);
  EXPECT_THAT(other.log(), HasSubstr("was made with other settings"));
}

}  // namespace
}  // namespace pandagpt::train
