// Whole jobs of `pandagpt-train llm`: one and two processes, killed ones, and what is left of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file.h"
#include "tensor/gguf_file.h"
#include "test_support.h"
#include "train_job_support.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::free_port;
using test::read_text;
using test::TemporaryFolder;
using test::TrainerProcess;
using test::write_text;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

class TrainJobTest : public testing::Test {
 protected:
  using Arguments = std::vector<std::string>;

  TrainJobTest() {
    auto list = nlohmann::json::array();
    for (int i = 0; i < 10; ++i)
      list.push_back({{"image_name", "photo_" + std::to_string(i % 5) + ".png"},
                      {"conversation",
                       {{{"from", "human"}, {"value", "What is it?"}},
                        {{"from", "gpt"}, {"value", "Thing number " + std::to_string(i) + "."}}}}});
    write_text(folder_ / "data.json", list.dump());
  }

  Arguments arguments(const std::string& out, const Arguments& more = {}) const {
    Arguments all = {"llm",
                     "--model",
                     (kFixtures / "tiny-panda").string(),
                     "--data",
                     (folder_ / "data.json").string(),
                     "--validation",
                     (folder_ / "data.json").string(),
                     "--images",
                     (kFixtures / "encoders").string(),
                     "--out",
                     (folder_ / out).string(),
                     "--batch-size",
                     "4",
                     "--answers-per-group",
                     "2",
                     "--lora-rank",
                     "4",
                     "--lr",
                     "5e-3",
                     "--dtype",
                     "f32",
                     "--export-type",
                     "f32",
                     "--threads",
                     "1",
                     "--views",
                     "3",
                     "--feature-dropout",
                     "0.1",
                     "--save-every",
                     "5",
                     "--validate-every",
                     "6"};
    if (std::ranges::find(more, "--epochs") == more.end()) all.insert(all.end(), {"--epochs", "4"});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TrainerProcess start(const std::string& out, const Arguments& more = {}, int rank = 0,
                       const TrainerProcess::Variables& variables = {}) const {
    return {arguments(out, more), log_path(out, rank), variables};
  }

  /// The processes of a job whose rank comes from torchrun's variables.
  std::vector<TrainerProcess> start_two(const std::string& out, const Arguments& more = {}) const {
    const std::string port = std::to_string(free_port());
    std::vector<TrainerProcess> job;
    for (int rank = 0; rank < 2; ++rank)
      job.push_back(start(out, more, rank,
                          {{"RANK", std::to_string(rank)},
                           {"WORLD_SIZE", "2"},
                           {"MASTER_ADDR", "127.0.0.1"},
                           {"MASTER_PORT", port}}));
    return job;
  }

  fs::path log_path(const std::string& out, int rank) const {
    return folder_ / (out + "." + std::to_string(rank) + ".log");
  }

  void expect_done(std::vector<TrainerProcess> job) const {
    for (TrainerProcess& process : job)
      EXPECT_EQ(process.wait(), 0) << process.log();
  }

  void run_alone(const std::string& out, const Arguments& more = {}) const {
    TrainerProcess process = start(out, more);
    EXPECT_EQ(process.wait(), 0) << process.log();
  }

  void expect_same_bits(const std::string& a, const std::string& b) const {
    for (const char* name : {"adapter.gguf", "projector.gguf"})
      EXPECT_EQ(sha256_file(folder_ / a / name), sha256_file(folder_ / b / name)) << name;
  }

  /// Largest difference of the exported weights, as a share of each tensor's largest value above 1
  /// (the folded projection has large ones).
  double difference(const std::string& a, const std::string& b) const {
    double worst = 0;
    for (const char* name : {"adapter.gguf", "projector.gguf"}) {
      const GgufFile first(folder_ / a / name);
      const GgufFile second(folder_ / b / name);
      for (const GgufTensor& tensor : first.tensors()) {
        const auto x = first.read_f32(tensor.name);
        const auto y = second.read_f32(tensor.name);
        double largest = 1;
        for (const float value : x)
          largest = std::max(largest, std::abs(static_cast<double>(value)));
        for (std::size_t i = 0; i < x.size(); ++i)
          worst = std::max(worst, std::abs(static_cast<double>(x[i] - y[i])) / largest);
      }
    }
    return worst;
  }

  double last_loss(const std::string& out) const {
    std::ifstream in(folder_ / out / "metrics.jsonl");
    double loss = 0;
    for (std::string line; std::getline(in, line);)
      loss = nlohmann::json::parse(line).value("loss", loss);
    return loss;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainJobTest, TwoProcessesEndWithTheParametersOfOne) {
  run_alone("one");
  expect_done(start_two("two"));
  EXPECT_LT(difference("one", "two"), 1e-5);
  EXPECT_NEAR(last_loss("one"), last_loss("two"), 1e-4);
  EXPECT_THAT(read_text(log_path("two", 0)), HasSubstr("2 processes (from torchrun)"));
  const auto results = nlohmann::json::parse(read_text(folder_ / "two" / "training.json"));
  EXPECT_EQ(results["processes"], 2);
  // each encoded its share of the pictures, once
  const auto cached = [&](const char* out) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / out / "cache"))
      if (entry.path().filename().string().starts_with("features-"))
        bytes += fs::file_size(entry.path()) - 16;  // the head
    return bytes;
  };
  EXPECT_EQ(cached("two"), cached("one"));
}

TEST_F(TrainJobTest, AccumulationAndSavedMemoryEndWithTheSameParameters) {
  run_alone("whole");
  run_alone("parts",
            {"--micro-batch", "2", "--checkpoint-activations", "--base-type", "quantized"});
  EXPECT_LT(difference("whole", "parts"), 1e-5);
}

TEST_F(TrainJobTest, ProcessesMeetAcrossAddresses) {
  const std::string port = std::to_string(free_port());
  const auto flags = [&](int rank) {
    return Arguments{"--rank",        std::to_string(rank),
                     "--world-size",  "2",
                     "--master-addr", "127.0.0.2",
                     "--master-port", port,
                     "--local-addr",  rank == 0 ? "127.0.0.2" : "127.0.0.1"};
  };
  std::vector<TrainerProcess> job;
  for (int rank = 0; rank < 2; ++rank)
    job.push_back(start("two", flags(rank), rank));
  expect_done(std::move(job));
  run_alone("one");
  EXPECT_LT(difference("one", "two"), 1e-5);
}

const std::vector<std::string> kLong = {"--epochs", "80"};

// SIGKILL at any moment, as a crash or a power cut: the rest of the run is the same to the bit.
TEST_F(TrainJobTest, AKilledTrainerGoesOnBitEqual) {
  run_alone("whole", kLong);
  for (const int step : {23, 61}) {
    TrainerProcess process = start("cut", kLong);
    ASSERT_TRUE(process.reaches(folder_ / "cut", step)) << process.log();
    process.send(SIGKILL);
    EXPECT_EQ(process.wait(), 128 + SIGKILL);
  }
  TrainerProcess process = start("cut", kLong);
  EXPECT_EQ(process.wait(), 0);
  EXPECT_THAT(process.log(), HasSubstr("going on from step"));
  expect_same_bits("whole", "cut");
  EXPECT_EQ(last_loss("whole"), last_loss("cut"));
}

TEST_F(TrainJobTest, AFullDiskEndsTheJobAndLeavesTheCheckpointBefore) {
  run_alone("run", {"--max-steps", "6"});  // and its pictures are in the cache
  const fs::path checkpoint = folder_ / "run" / "checkpoints" / "step-6" / "parameters.pt";
  const std::string before = sha256_file(checkpoint);
  Arguments more = arguments("run", {"--max-steps", "9"});
  const auto validation = std::ranges::find(more, "--validation");
  more.erase(validation, validation + 2);  // its best weights would be the first to be too large
  TrainerProcess process{more, log_path("run", 0), {}, fs::file_size(checkpoint) / 2};
  EXPECT_EQ(process.wait(), 1) << process.log();
  EXPECT_THAT(process.log(), HasSubstr("step-9"));
  EXPECT_THAT(process.log(), HasSubstr("can't be written"));
  EXPECT_EQ(sha256_file(checkpoint), before);
  EXPECT_FALSE(fs::exists(folder_ / "run" / "checkpoints" / "step-9"));
  run_alone("run", {"--max-steps", "9"});
  EXPECT_TRUE(fs::exists(folder_ / "run" / "checkpoints" / "step-9"));
}

TEST_F(TrainJobTest, TheSavedConfigurationRepeatsTheRun) {
  run_alone("first", {"--max-steps", "6", "--checkpoint-activations"});
  auto config = nlohmann::json::parse(read_text(folder_ / "first" / "config.json"));
  EXPECT_EQ(config["lr"], 5e-3);
  EXPECT_EQ(config["checkpoint-activations"], true);
  write_text(folder_ / "again.json", config.dump());
  TrainerProcess process{{"llm", "--config", (folder_ / "again.json").string(), "--out",
                          (folder_ / "second").string()},
                         log_path("second", 0)};
  EXPECT_EQ(process.wait(), 0) << process.log();
  expect_same_bits("first", "second");
}

TEST_F(TrainJobTest, ARunBeginsWithAnothersWeights) {
  const auto start_with = [this](const std::string& out, const std::string& option,
                                 const std::string& value, const Arguments& more) {
    Arguments all = arguments(out, more);
    *(std::ranges::find(all, option) + 1) = value;
    return TrainerProcess(all, log_path(out, 0));
  };
  run_alone("first", {"--epochs", "1"});
  const Arguments init = {"--init", (folder_ / "first").string(), "--max-steps", "1"};
  // a rate at which a step changes next to nothing
  EXPECT_EQ(start_with("second", "--lr", "1e-12", init).wait(), 0);
  EXPECT_LT(difference("first", "second"), 1e-6);
  EXPECT_EQ(start_with("other", "--lr", "1e-12", {"--max-steps", "1"}).wait(), 0);
  EXPECT_GT(difference("first", "other"), 1e-3);
  // the exported weights alone, as a model folder has them, in half precision
  for (const char* file : {"projector.gguf", "adapter.gguf"}) {
    fs::create_directories(folder_ / "model");
    fs::copy_file(folder_ / "first" / file, folder_ / "model" / file);
  }
  const Arguments model = {"--init", (folder_ / "model").string(), "--max-steps", "1"};
  TrainerProcess third = start_with("third", "--lr", "1e-12", model);
  EXPECT_EQ(third.wait(), 0) << third.log();
  EXPECT_LT(difference("first", "third"), 1e-3);
  TrainerProcess alpha =
      start("alpha", {"--init", (folder_ / "model").string(), "--lora-alpha", "3"});
  EXPECT_EQ(alpha.wait(), 4);
  EXPECT_THAT(alpha.log(), testing::HasSubstr("give --lora-alpha"));
  TrainerProcess none = start("none", {"--init", (folder_ / "nothing").string()});
  EXPECT_EQ(none.wait(), 3);
  EXPECT_THAT(none.log(), testing::HasSubstr("has neither checkpoints nor projector.gguf"));
  TrainerProcess sizes = start_with("sizes", "--lora-rank", "2", init);
  EXPECT_EQ(sizes.wait(), 3);
  EXPECT_THAT(sizes.log(), testing::HasSubstr("needs the same encoders, LLM and LoRA rank"));
}

TEST_F(TrainJobTest, PlotsRuns) {
  run_alone("one", {"--max-steps", "6"});
  const std::string run = (folder_ / "one").string();
  TrainerProcess png{{"plot", run, run, "--out", (folder_ / "p.png").string()},
                     log_path("plot", 0)};
  EXPECT_EQ(png.wait(), 0) << png.log();
  EXPECT_THAT(read_text(folder_ / "p.png"), testing::StartsWith("\x89PNG"));
  TrainerProcess wrong{{"plot", run, "--out", "x.jpg"}, log_path("plot", 1)};
  EXPECT_EQ(wrong.wait(), 2);
  EXPECT_THAT(wrong.log(), HasSubstr(".svg or .png"));
}

TEST_F(TrainJobTest, ALostProcessEndsTheJobWhichThenGoesOn) {
  expect_done(start_two("whole", kLong));
  std::vector<TrainerProcess> job = start_two("cut", kLong);
  ASSERT_TRUE(job[0].reaches(folder_ / "cut", 33)) << job[0].log();
  job[1].send(SIGKILL);
  EXPECT_EQ(job[1].wait(), 128 + SIGKILL);
  EXPECT_EQ(job[0].wait(), 1);
  EXPECT_THAT(job[0].log(), HasSubstr("another of the 2 processes was lost"));
  EXPECT_THAT(job[0].log(), HasSubstr("start the same job again"));
  std::vector<TrainerProcess> again = start_two("cut", kLong);
  EXPECT_EQ(again[0].wait(), 0) << again[0].log();
  EXPECT_EQ(again[1].wait(), 0) << again[1].log();
  EXPECT_THAT(again[0].log(), HasSubstr("going on from step"));
  expect_same_bits("whole", "cut");
}

TEST_F(TrainJobTest, ASilentProcessEndsTheJobAfterTheTimeLimit) {
  Arguments more = kLong;
  more.insert(more.end(), {"--timeout", "2"});
  std::vector<TrainerProcess> job = start_two("run", more);
  ASSERT_TRUE(job[0].reaches(folder_ / "run", 12)) << job[0].log();
  job[1].send(SIGSTOP);
  EXPECT_EQ(job[0].wait(), 1);
  EXPECT_THAT(job[0].log(), HasSubstr("didn't answer within 2 s"));
  EXPECT_TRUE(fs::exists(folder_ / "run" / "checkpoints" / "step-10"));
}

TEST_F(TrainJobTest, ASignalToOneProcessStopsAllWithACheckpoint) {
  std::vector<TrainerProcess> job = start_two("cut", kLong);
  ASSERT_TRUE(job[0].reaches(folder_ / "cut", 12)) << job[0].log();
  job[1].send(SIGTERM);
  for (TrainerProcess& process : job)
    EXPECT_EQ(process.wait(), 0) << process.log();
  const auto results = nlohmann::json::parse(read_text(folder_ / "cut" / "training.json"));
  EXPECT_EQ(results["status"], "stopped");
  EXPECT_TRUE(fs::exists(folder_ / "cut" / "checkpoints" /
                         ("step-" + std::to_string(results["steps"].get<int>()))));
}

TEST_F(TrainJobTest, ProcessesWithOtherSettingsAreRefused) {
  const std::string port = std::to_string(free_port());
  std::vector<TrainerProcess> job;
  for (int rank = 0; rank < 2; ++rank)
    job.push_back(start("run",
                        {"--rank", std::to_string(rank), "--world-size", "2", "--master-addr",
                         "127.0.0.1", "--master-port", port, "--seed", std::to_string(rank)},
                        rank));
  for (TrainerProcess& process : job) {
    EXPECT_EQ(process.wait(), 3) << process.log();
    EXPECT_THAT(process.log(), HasSubstr("the settings of process 1 differ"));
  }
}

}  // namespace
}  // namespace pandagpt::train
