// What a run tells: metrics, TensorBoard events, plots; and the files of options it can be given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "config/config_file.h"
#include "core/file.h"
#include "media/image.h"
#include "test_support.h"
#include "train/metrics.h"
#include "train/options.h"
#include "train/plot.h"
#include "train/tensorboard.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::HasSubstr;
using testing::Not;

// ---- TensorBoard ----

TEST(TensorBoard, ChecksumsAreThoseOfTheStandard) {
  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string rising(32, '\0');
  for (int i = 0; i < 32; ++i)
    rising[static_cast<std::size_t>(i)] = static_cast<char>(i);
  EXPECT_EQ(crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

std::uint64_t number_at(const std::string& bytes, std::size_t at, int n) {
  std::uint64_t value = 0;
  for (int i = 0; i < n; ++i)
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes[at + static_cast<std::size_t>(i)])}
             << (8 * i);
  return value;
}

/// Payloads of a file of records, their checksums undone as TensorFlow does.
std::vector<std::string> records_of(const std::string& bytes) {
  const auto unmasked = [](std::uint64_t masked) {
    return std::rotl(static_cast<std::uint32_t>(masked) - 0xA282EAD8U, 15);
  };
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::uint64_t length = number_at(bytes, at, 8);
    EXPECT_EQ(unmasked(number_at(bytes, at + 8, 4)), crc32c(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(unmasked(number_at(bytes, at + 12 + length, 4)), crc32c(records.back()));
    at += 16 + length;
  }
  return records;
}

/// Fields of a protocol buffer by number; a number is its bytes, the lowest first.
std::multimap<int, std::string> fields_of(const std::string& message) {
  std::multimap<int, std::string> fields;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(message.at(at++));
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    std::string value;
    switch (key & 7) {
      case 0: {
        const std::uint64_t number = varint();
        value.assign(reinterpret_cast<const char*>(&number), sizeof(number));
        break;
      }
      case 1:
      case 5:
        value = message.substr(at, (key & 7) == 1 ? 8 : 4);
        at += value.size();
        break;
      default: {
        const std::uint64_t length = varint();
        value = message.substr(at, length);
        at += length;
      }
    }
    fields.emplace(static_cast<int>(key >> 3), value);
  }
  return fields;
}

std::string only_file(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files.push_back(entry.path());
  EXPECT_EQ(files.size(), 1U);
  EXPECT_THAT(files.at(0).filename().string(), HasSubstr("tfevents"));
  return read_text(files.at(0));
}

TEST(TensorBoard, WritesCurvesTextsAndWhereAResumedRunBegins) {
  const TemporaryFolder folder;
  {
    TensorBoardWriter writer(folder / "tb", 300);
    writer.scalars(301, {{"train/loss", 2.5}, {"train/lr", 1e-3}});
    writer.text(301, "samples", "**q** a");
  }
  const auto records = records_of(only_file(folder / "tb"));
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(fields_of(records[0]).find(3)->second, "brain.Event:2");
  const auto begin = fields_of(records[1]);
  EXPECT_EQ(number_at(begin.find(2)->second, 0, 8), 301U);
  EXPECT_EQ(number_at(fields_of(begin.find(7)->second).find(1)->second, 0, 8), 1U);  // START

  const auto event = fields_of(records[2]);
  EXPECT_EQ(number_at(event.find(2)->second, 0, 8), 301U);
  EXPECT_GT(std::bit_cast<double>(number_at(event.find(1)->second, 0, 8)), 1.7e9);
  const auto summary = fields_of(event.find(5)->second);
  const auto [first, last] = summary.equal_range(1);
  std::map<std::string, float> points;
  for (auto value = first; value != last; ++value) {
    const auto point = fields_of(value->second);
    points[point.find(1)->second] =
        std::bit_cast<float>(static_cast<std::uint32_t>(number_at(point.find(2)->second, 0, 4)));
  }
  EXPECT_EQ(points, (std::map<std::string, float>{{"train/loss", 2.5F}, {"train/lr", 1e-3F}}));

  const auto text = fields_of(fields_of(fields_of(records[3]).find(5)->second).find(1)->second);
  EXPECT_EQ(fields_of(text.find(8)->second).find(8)->second, "**q** a");
  EXPECT_EQ(fields_of(fields_of(text.find(9)->second).find(1)->second).find(1)->second, "text");
}

TEST(Metrics, AResumedRunDropsWhatItDoesAgain) {
  const TemporaryFolder folder;
  {
    MetricsLog log(folder.path(), 0);
    for (int step = 1; step <= 4; ++step)
      log.write({{"step", step}, {"loss", 1.0 / step}});
    log.write({{"step", 4}, {"validation_loss", 0.5}});
  }
  std::ofstream(folder / kMetricsFile, std::ios::app) << "{\"step\": 5, \"lo";
  MetricsLog log(folder.path(), 3);
  log.write({{"step", 4}, {"loss", 9.0}});
  std::vector<double> losses;
  std::ifstream in(folder / kMetricsFile);
  for (std::string line; std::getline(in, line);)
    losses.push_back(nlohmann::json::parse(line)["loss"]);
  EXPECT_THAT(losses, testing::ElementsAre(1.0, 0.5, 1.0 / 3, 9.0));
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder / kTensorBoardFolder))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 2);
}

TEST(Metrics, AFolderThatCannotBeWrittenIsAnError) {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  EXPECT_EQ(error_of([&] { MetricsLog(folder / "file", 0); }).kind(), ErrorKind::kInternal);
}

// ---- plots ----

void write_run(const fs::path& folder, double offset, bool with_validation) {
  fs::create_directories(folder);
  std::string lines;
  for (int step = 1; step <= 100; ++step) {
    lines += nlohmann::json{{"step", step},
                            {"loss", offset + 3.0 / step + 0.1 * (step % 7)},
                            {"accuracy", 0.3 + 0.005 * step},
                            {"lr", 1e-3 * step},
                            {"tokens", 500},
                            {"seconds", 0.5}}
                 .dump() +
             "\n";
    if (with_validation && step % 25 == 0)
      lines +=
          nlohmann::json{{"step", step}, {"validation_loss", offset + 3.0 / step}}.dump() + "\n";
  }
  write_text(folder / kMetricsFile, lines + "{\"step\": 101, ");
}

TEST(Plot, DrawsEachThingMeasuredAndSeveralRunsOverEachOther) {
  const TemporaryFolder folder;
  write_run(folder / "first", 1, true);
  write_run(folder / "second", 2, false);
  const std::string one = plot_runs({folder / "first"}, {});
  for (const char* title : {"Loss", "Token accuracy", "Learning rate", "Speed", "validation"})
    EXPECT_THAT(one, HasSubstr(std::string(">") + title + "<"));
  EXPECT_THAT(one, Not(HasSubstr(">seconds<")));
  EXPECT_THAT(one, HasSubstr("line faint"));
  const std::string both = plot_runs({folder / "first", folder / "second"}, {.smoothing = 0});
  EXPECT_THAT(both, HasSubstr(">second<"));
  EXPECT_THAT(both, HasSubstr("line dashed"));
  EXPECT_THAT(both, Not(HasSubstr("line faint")));
  EXPECT_THAT(plot_runs({folder / "first"}, {.x = "tokens"}), HasSubstr(">50k<"));
  EXPECT_NE(plot_runs({folder / "first"}, {.smoothing = 0.5}), one);
  EXPECT_EQ(error_of([&] { plot_runs({folder / "none"}, {}); }).kind(), ErrorKind::kInput);
}

TEST(Plot, IsDrawnAsAPictureOnWhite) {
  const TemporaryFolder folder;
  write_run(folder / "run", 1, true);
  write_png(plot_runs({folder / "run"}, {}), 0.5, folder / "p.png");
  const Image image = load_image(folder / "p.png");
  EXPECT_EQ(image.width, 640);
  EXPECT_EQ(image.height, 360);
  EXPECT_EQ(image.rgb[0], 255);
  std::size_t dark = 0;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3)
    dark += image.rgb[i] < 128 ? 1 : 0;
  EXPECT_GT(dark, image.rgb.size() / 3 / 400) << "curves and texts";
  EXPECT_EQ(error_of([&] { write_png("<svg", 1, folder / "q.png"); }).kind(), ErrorKind::kInternal);
  EXPECT_FALSE(fs::exists(folder / "q.png"));
}

// ---- options ----

class ConfigTest : public testing::Test {
 protected:
  /// Options of a command line with --config FILE of this content.
  LlmTrainOptions parse(const std::string& name, const std::string& content,
                        std::vector<std::string> arguments = {}) {
    write_text(folder_ / name, content);
    arguments.insert(arguments.end(), {"--config", (folder_ / name).string()});
    return parse(arguments);
  }
  LlmTrainOptions parse(std::vector<std::string> arguments) {
    LlmTrainOptions options;
    CLI::App app;
    options.declare(app);
    std::ranges::reverse(arguments);  // as CLI11 takes them
    app.parse(arguments);
    options.complete(app);
    config_ = LlmTrainOptions::config(app);
    return options;
  }
  std::string fault(const std::string& name, const std::string& content) {
    const Error error = error_of([&] { parse(name, content, {"--data", "d"}); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }

  const TemporaryFolder folder_;
  nlohmann::json config_;
};

TEST_F(ConfigTest, JsonAndYamlSayTheSameAndTheCommandLineGoesFirst) {
  const LlmTrainOptions json =
      parse("c.json",
            R"({"data": "d.json", "lr": 1e-3, "batch_size": 7, "checkpoint-activations": true})",
            {"--lr", "0.25"});
  const LlmTrainOptions yaml = parse(
      "c.yaml", "data: d.json\nlr: 1e-3  # peak\nbatch-size: 7\ncheckpoint-activations: true\n",
      {"--lr", "0.25"});
  for (const LlmTrainOptions& options : {json, yaml}) {
    EXPECT_EQ(options.data, "d.json");
    EXPECT_EQ(options.lr, 0.25);
    EXPECT_EQ(options.batch_size, 7);
    EXPECT_TRUE(options.checkpoint_activations);
    EXPECT_EQ(options.epochs, 2) << "the default";
  }
}

TEST_F(ConfigTest, WhatARunWorkedWithCanBeGivenBack) {
  const LlmTrainOptions first =
      parse({"--data", "d 1.json", "--lr", "3e-4", "--seed", "18446744073709551615", "--restart",
             "--images", "photos", "--checkpoint-activations", "--lora-dropout", "0"});
  const nlohmann::json config = config_;
  EXPECT_FALSE(config.contains("restart"));
  const LlmTrainOptions again = parse("c.json", config.dump());
  EXPECT_EQ(config_, config);
  EXPECT_EQ(again.to_json(), first.to_json());
  EXPECT_EQ(again.media, "photos");
  EXPECT_EQ(again.seed, 18446744073709551615U);
  EXPECT_TRUE(again.checkpoint_activations);
  EXPECT_FALSE(again.restart);
}

TEST_F(ConfigTest, WrongFilesAreNamedWithTheKey) {
  EXPECT_THAT(fault("c.json", R"({"lerning-rate": 1})"), HasSubstr("'lerning-rate'"));
  EXPECT_THAT(fault("c.json", R"({"batch-sise": 1})"), HasSubstr("did you mean 'batch-size'?"));
  EXPECT_THAT(fault("c.yaml", "warm_up: 0.1"), HasSubstr("did you mean 'warmup'?"));
  EXPECT_THAT(fault("c.json", R"({"zzzzzzzz": 1})"), Not(HasSubstr("did you mean")));
  EXPECT_THAT(fault("c.json", R"({"lr": -1})"), HasSubstr("--lr"));
  EXPECT_THAT(fault("c.json", R"({"epochs": "many"})"), HasSubstr("--epochs"));
  EXPECT_THAT(fault("c.json", R"({"dtype": "f64"})"), HasSubstr("--dtype"));
  EXPECT_THAT(fault("c.json", R"({"lr": {"peak": 1}})"), HasSubstr("'lr'"));
  EXPECT_THAT(fault("c.json", "[1]"), HasSubstr("object"));
  EXPECT_THAT(fault("c.json", "{"), HasSubstr("object"));
  EXPECT_THAT(fault("c.yaml", "a: [1\nb"), HasSubstr("line"));
  EXPECT_THAT(fault("c.yaml", "lr: 1\nl_r: 2\n"), HasSubstr("'l_r'"));
  EXPECT_THAT(fault("c.yaml", "batch-size: 1\nbatch_size: 2\n"), HasSubstr("twice"));
  EXPECT_EQ(error_of([&] {
              parse({"--data", "d", "--config", "none.json"});
            }).kind(),
            ErrorKind::kInput);
}

TEST_F(ConfigTest, WhatIsMissingOrDoesNotFitTogetherIsAUsageError) {
  const auto message = [&](const std::vector<std::string>& arguments) {
    const Error error = error_of([&] { parse(arguments); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return std::string(error.what());
  };
  EXPECT_THAT(message({}), HasSubstr("--data is required"));
  EXPECT_THAT(message({"--data", "d", "--validation", "v", "--validation-split", "0.1"}),
              HasSubstr("one of them"));
  EXPECT_THAT(message({"--data", "d", "--sample-every", "5"}), HasSubstr("--sample-questions"));
}

}  // namespace
}  // namespace pandagpt::train
