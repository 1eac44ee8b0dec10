// The program with an encoders file of ImageBind's kind, text tower included: converted from the
// tiny reference checkpoint, then embedded, classified with, and given sensor options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "imagebind_cli_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::Arguments;
using test::example;
using test::Outcome;
using testing::HasSubstr;

using Json = nlohmann::json;

std::vector<Json> json_lines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(Json::parse(line));
  return lines;
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

class ImageBindCliTest : public test::ImageBindCliFixture {
 protected:
  Outcome with_encoders(const char* command, Arguments more) const {
    more.insert(more.begin(), {command, "--model", encoders(), "--threads", "1"});
    return run(more);
  }

  std::vector<std::vector<float>> embeddings(const Arguments& inputs) const {
    const Outcome outcome = with_encoders("embed", inputs);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::vector<std::vector<float>> rows;
    for (const Json& line : json_lines(outcome.out))
      rows.push_back(line["embedding"].get<std::vector<float>>());
    return rows;
  }

  std::vector<float> embedding(const Arguments& input) const {
    const std::vector<std::vector<float>> rows = embeddings(input);
    return rows.empty() ? std::vector<float>{} : rows.front();
  }
};

TEST_F(ImageBindCliTest, ClassifyGivesTheSoftmaxOfScalarProductsForEverySense) {
  const std::vector<std::string> labels{"a dog", "a bell", "rain"};
  const Arguments inputs{
      "--image", example("picture.png"),  "--video",   example("rolling_ball.avi"),
      "--audio", example("bell.wav"),     "--thermal", example("thermal_grey.png"),
      "--depth", example("depth_mm.png"), "--imu",     example("walking_imu.csv")};
  Arguments texts;
  for (const std::string& label : labels)
    texts.insert(texts.end(), {"--text", label});
  const std::vector<std::vector<float>> rows = embeddings(inputs), prompts = embeddings(texts);
  ASSERT_EQ(rows.size(), inputs.size() / 2);
  ASSERT_EQ(prompts.size(), labels.size());

  Arguments question = inputs;
  question.insert(question.end(), {"--labels", "a dog, a bell,rain", "--json"});
  const Outcome outcome = with_encoders("classify", question);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::vector<Json> reports = json_lines(outcome.out);
  ASSERT_EQ(reports.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::map<std::string, double> logits;
    for (std::size_t k = 0; k < labels.size(); ++k)
      logits[labels[k]] = dot(rows[i], prompts[k]);
    ASSERT_EQ(reports[i]["labels"].size(), labels.size());
    double previous = 1;
    for (const Json& row : reports[i]["labels"]) {
      const double logit = logits.at(row["label"].get<std::string>());
      double inverse = 0;  // of the softmax
      for (const auto& [label, other] : logits)
        inverse += std::exp(other - logit);
      EXPECT_NEAR(row["logit"].get<double>(), logit, 1e-4 * (1 + std::abs(logit)));
      EXPECT_NEAR(row["probability"].get<double>(), 1 / inverse, 1e-3);
      EXPECT_LE(row["probability"].get<double>(), previous) << "the likeliest comes first";
      previous = row["probability"].get<double>();
    }
  }
}

TEST_F(ImageBindCliTest, ClassifyTakesTemplatesSumsAndCutsTheList) {
  test::write_text(folder_ / "labels.txt", "dog\nbell\n");
  const Arguments inputs{"--image",       example("picture.png"),
                         "--audio",       example("bell.wav"),
                         "--labels-file", (folder_ / "labels.txt").string()};
  const Outcome plain = with_encoders("classify", inputs);
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("picture.png\n"));
  EXPECT_THAT(plain.out, HasSubstr("bell.wav\n"));
  EXPECT_EQ(std::ranges::count(plain.out, '%'), 4) << plain.out;

  Arguments summed = inputs;
  summed.insert(summed.end(), {"--sum", "--template", "clip", "-k", "1", "--json"});
  const Outcome one = with_encoders("classify", summed);
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(Json::parse(one.out)["labels"].size(), 1U);

  Arguments bad = inputs;
  bad.insert(bad.end(), {"--template", "a photo of a dog"});
  EXPECT_EQ(with_encoders("classify", bad).code, 2) << "a template without its mark";
}

TEST_F(ImageBindCliTest, SensorOptionsReachTheDecoders) {
  const std::vector<Arguments> pairs{
      {"--depth", example("depth_mm.png"), "--depth-unit", "0.002"},
      {"--depth", example("depth_mm.png"), "--depth-encoding", "kitti"},
      {"--depth", example("depth_mm.png"), "--depth-camera", "kinect2"},
      {"--depth", example("depth_mm.png"), "--depth-camera", "400,0.12"},
      {"--thermal", example("thermal_centikelvin.png"), "--thermal-range", "28000,32000"}};
  for (const Arguments& arguments : pairs) {
    const Arguments plain(arguments.begin(), arguments.begin() + 2);
    EXPECT_NE(embedding(plain), embedding(arguments)) << arguments[2];
  }
  // The defaults, said aloud, change nothing.
  EXPECT_EQ(embedding({"--depth", example("depth_mm.png")}),
            embedding({"--depth", example("depth_mm.png"), "--depth-unit", "0.001",
                       "--depth-camera", "kinect1"}));
  EXPECT_EQ(embedding({"--depth", example("depth_mm.png")}),
            embedding({"--depth", example("depth_mm.png"), "--depth-encoding", "mm"}));
}

TEST_F(ImageBindCliTest, ImuWithoutARateOrUnitsGetsThemByOption) {
  std::string rows = "ax,ay,az,gx,gy,gz\n";
  for (int i = 0; i < 400; ++i)
    rows += std::to_string(0.1 * std::sin(0.1 * i)) + ",0,1,0," +
            std::to_string(20 * std::cos(0.1 * i)) + ",0\n";
  const std::string file = (folder_ / "imu.csv").string();
  test::write_text(file, rows);
  EXPECT_EQ(with_encoders("embed", {"--imu", file}).code, 3) << "no rate";
  const std::vector<float> row = embedding(
      {"--imu", file, "--imu-rate", "100", "--imu-accel-unit", "g", "--imu-gyro-unit", "deg/s"});
  EXPECT_EQ(row.size(), 20U);
  EXPECT_NE(row, embedding({"--imu", file, "--imu-rate", "50", "--imu-accel-unit", "g",
                            "--imu-gyro-unit", "deg/s"}));
  EXPECT_EQ(with_encoders("embed", {"--imu", file, "--imu-rate", "100"}).code, 3)
      << "1 m/s^2 all the time is gravity in g";
  test::write_text(folder_ / "list.txt", "imu\timu.csv\n");
  const std::string out = (folder_ / "rows.jsonl").string();
  ASSERT_EQ(with_encoders("embed",
                          {"--manifest", (folder_ / "list.txt").string(), "-o", out, "--imu-rate",
                           "100", "--imu-accel-unit", "g", "--imu-gyro-unit", "deg/s"})
                .code,
            0);
  EXPECT_EQ(Json::parse(test::read_text(out))["embedding"].get<std::vector<float>>(), row);
}

TEST_F(ImageBindCliTest, AMotionRecordingMayHaveAFileForEachSensor) {
  std::string whole = "time_s,acc_x,acc_y,acc_z,gyro_x (rad/s),gyro_y (rad/s),gyro_z (rad/s)\n";
  std::string acceleration = "time_s,x,y,z\n";
  std::string rotation = "time_s,x (rad/s),y (rad/s),z (rad/s)\n";
  for (int i = 0; i < 300; ++i) {
    const std::string time = std::to_string(i / 100.0) + ",";
    const std::string push = std::to_string(0.1 * (i % 7)) + ",1,9.75";
    const std::string turn = "0," + std::to_string(0.1 * (i % 5)) + ",0.2";
    acceleration += time + push + "\n";
    rotation += time + turn + "\n";
    whole += time + push + "," + turn + "\n";
  }
  const std::string one = (folder_ / "whole.csv").string();
  const std::string first = (folder_ / "acc.csv").string();
  const std::string second = (folder_ / "gyro.csv").string();
  test::write_text(one, whole);
  test::write_text(first, acceleration);
  test::write_text(second, rotation);
  const std::vector<float> row = embedding({"--imu", one});
  EXPECT_EQ(embedding({"--imu", first + "," + second}), row);
  EXPECT_EQ(embedding({"--imu", one, "--imu-columns", "acc=2-4,gyro=5-7,time=1"}), row);
  EXPECT_NE(embedding({"--imu", one, "--imu-columns", "acc=4-2,gyro=5-7,time=1"}), row);
  EXPECT_EQ(with_encoders("embed", {"--imu", first}).code, 3) << "no gyroscope";
  EXPECT_EQ(with_encoders("embed", {"--imu", first + ",nothing.csv"}).code, 3) << "no such file";
}

TEST_F(ImageBindCliTest, WrongSensorOptionsAreWrongUsage) {
  for (const Arguments& arguments : {Arguments{"--imu-rate", "0"},
                                     {"--imu-rate", "fast"},
                                     {"--imu-accel-unit", "stone"},
                                     {"--imu-gyro-unit", "rpm"},
                                     {"--imu-gravity", "some"},
                                     {"--depth-unit", "-1"},
                                     {"--depth-encoding", "feet"},
                                     {"--depth-encoding", "disparity"},
                                     {"--depth-encoding", "tum", "--depth-unit", "0.1"},
                                     {"--depth-camera", "polaroid"},
                                     {"--depth-camera", "0,1"},
                                     {"--depth-camera", "nan,1"},
                                     {"--thermal-range", "5"},
                                     {"--thermal-range", "5,5"},
                                     {"--thermal-range", "warm,hot"}}) {
    Arguments all{"--depth", example("depth_mm.png"), "--thermal",
                  example("thermal_centikelvin.png")};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = with_encoders("embed", all);
    EXPECT_EQ(outcome.code, 2) << testing::PrintToString(arguments) << outcome.err;
    EXPECT_EQ(std::ranges::count(outcome.out, '\n'), 0) << outcome.out;
  }
}

TEST_F(ImageBindCliTest, VideoAudioAddsTheSoundOfTheFilm) {
  const std::string film =
      (fs::path(PANDAGPT_FIXTURES) / "video" / "h264_29_97_sound.mp4").string();
  const Outcome both = with_encoders("embed", {"--video", film, "--video-audio"});
  ASSERT_EQ(both.code, 0) << both.err;
  const Outcome apart = with_encoders("embed", {"--video", film, "--audio", film});
  EXPECT_EQ(both.out, apart.out);
  EXPECT_EQ(std::ranges::count(both.out, '\n'), 2);

  const Outcome silent =
      with_encoders("embed", {"--video", example("rolling_ball.avi"), "--video-audio"});
  EXPECT_EQ(silent.code, 3);
  EXPECT_THAT(silent.err, HasSubstr("sound"));
  EXPECT_EQ(with_encoders("embed", {"--video", "-", "--video-audio"}).code, 2)
      << "standard input can't be read twice";
}

}  // namespace
}  // namespace pandagpt
