// Every kind of input, from a file to its embedding, with the tiny ImageBind.
#include "pipeline/media_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "imagebind_fixtures.h"
#include "pandagpt/embedder.h"
#include "pipeline/embedding_math.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const fs::path kExamples = fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data";

class EveryInputTest : public testing::Test {
 protected:
  EveryInputTest() {
    test::write_tiny_encoders(folder_ / "encoders.gguf");
    embedder_ = std::make_unique<Embedder>((folder_ / "encoders.gguf").string(),
                                           EmbedderOptions{.n_threads = 1});
  }
  std::vector<float> embed(Modality modality, const fs::path& path) const {
    Inputs inputs;
    inputs.add_file(modality, path.string());
    return embedder_->embed(inputs);
  }
  std::vector<float> embed_bytes(Modality modality, const fs::path& path) const {
    const std::string text = test::read_text(path);
    Inputs inputs;
    inputs.add_buffer(modality, {text.begin(), text.end()}, "buffer");
    return embedder_->embed(inputs);
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Embedder> embedder_;
};

TEST_F(EveryInputTest, HasAnEmbeddingFromFileAndFromMemory) {
  const std::vector<std::pair<Modality, fs::path>> inputs{
      {Modality::kImage, kFixtures / "encoders" / "photo_0.png"},
      {Modality::kVideo, kFixtures / "video" / "h264_25.mp4"},
      {Modality::kAudio, kFixtures / "audio" / "pcm_16.wav"},
      {Modality::kThermal, kExamples / "thermal_centikelvin.png"},
      {Modality::kDepth, kExamples / "depth_mm.png"},
      {Modality::kImu, kExamples / "walking_imu.csv"}};
  for (const auto& [modality, path] : inputs) {
    ASSERT_TRUE(fs::exists(path)) << path;
    EXPECT_TRUE(embedder_->takes(modality)) << to_string(modality);
    const std::vector<float> row = embed(modality, path);
    ASSERT_EQ(row.size(), static_cast<std::size_t>(embedder_->width())) << to_string(modality);
    const double length = length_of(row);
    EXPECT_TRUE(std::isfinite(length) && length > 0.1) << to_string(modality) << length;
    EXPECT_EQ(embed_bytes(modality, path), row) << to_string(modality);
  }
}

TEST_F(EveryInputTest, RowsStandInTheOrderOfTheInputs) {
  const fs::path photo = kFixtures / "encoders" / "photo_0.png";
  const fs::path sound = kFixtures / "audio" / "pcm_16.wav";
  Inputs inputs;
  inputs.add_file(Modality::kImage, photo.string())
      .add_file(Modality::kAudio, sound.string())
      .add_file(Modality::kImage, (kFixtures / "encoders" / "photo_1.png").string());
  const std::vector<float> rows = embedder_->embed(inputs);
  const auto width = static_cast<std::size_t>(embedder_->width());
  const auto expect_row = [&](std::size_t i, const std::vector<float>& expected) {
    for (std::size_t j = 0; j < width; ++j)
      EXPECT_NEAR(rows[i * width + j], expected[j], 1e-5);
  };
  expect_row(0, embed(Modality::kImage, photo));
  expect_row(1, embed(Modality::kAudio, sound));
  expect_row(2, embed(Modality::kImage, kFixtures / "encoders" / "photo_1.png"));
}

TEST_F(EveryInputTest, FilesOfAnotherKindAreInputErrorsThatNameThem) {
  const fs::path photo = kFixtures / "encoders" / "photo_0.png";
  const fs::path table = kExamples / "walking_imu.csv";
  for (const auto& [modality, path] :
       std::vector<std::pair<Modality, fs::path>>{{Modality::kImage, table},
                                                  {Modality::kVideo, table},
                                                  {Modality::kAudio, photo},
                                                  {Modality::kThermal, table},
                                                  {Modality::kDepth, table},
                                                  {Modality::kImu, photo}}) {
    const Error error = error_of([&] { embed(modality, path); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput) << to_string(modality) << ": " << error.what();
    EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos)
        << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace pandagpt
