// Towers of an architecture that the library doesn't have, through the library's public classes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "encoders/encoders.h"
#include "encoders/tower_registry.h"
#include "frame_tower.h"
#include "imagebind_fixtures.h"
#include "pandagpt/embedder.h"
#include "pandagpt/error.h"
#include "pipeline/input_encoder.h"
#include "pipeline/media_tensor.h"
#include "preprocess/statistics.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::FrameTowerConfig;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const fs::path kPhoto = kFixtures / "encoders" / "photo_1.png";
const fs::path kFilm = kFixtures / "video" / "h264_25.mp4";
const fs::path kSound = kFixtures / "audio" / "pcm_16.wav";
const fs::path kThermal =
    fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data" / "thermal_centikelvin.png";
// Of a number in an embedding of length 1. Embedder computes in what the CPU does best, bf16 or
// f32.
constexpr double kTolerance = 1e-5;
constexpr double kFastTolerance = 5e-3;
constexpr int kWidth = 20;  // of the joint space, the tiny ImageBind's

const FrameTowerConfig kPictures{.kind = TowerKind::kVision,
                                 .input = {3, 1, 20, 20},
                                 .n_embd = kWidth,
                                 .stats = {{0.1F, 0.2F, 0.3F}, {0.5F, 0.25F, 0.125F}}};
const FrameTowerConfig kFilms{.kind = TowerKind::kVideo,
                              .input = {3, 8, 28, 28},
                              .width = 12,
                              .n_heads = 3,
                              .n_embd = kWidth,
                              .stats = {{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}}};
const FrameTowerConfig kSounds{.kind = TowerKind::kAudio,
                               .input = {1, 1, 64, 100},
                               .n_embd = kWidth,
                               .energy_mean = -3,
                               .energy_std = 2};
const FrameTowerConfig kTexts{.kind = TowerKind::kText, .n_embd = kWidth};

class TowerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { test::register_frame_tower(); }

  /// An encoders file of these towers and the tiny ImageBind's thermal tower.
  fs::path write(const std::vector<FrameTowerConfig>& configs) {
    const fs::path path = folder_ / "encoders.gguf";
    test::write_tiny_encoders(
        path, {.towers = {TowerKind::kThermal}, .metadata = [&](GgufWriter& writer) {
                 for (const FrameTowerConfig& config : configs)
                   test::write_frame_tower(writer, config);
               }});
    return path;
  }

  /// The mean over the views of what prepare() makes of the file.
  static std::vector<double> expected(const fs::path& encoders, const FrameTowerConfig& config,
                                      Modality modality, const fs::path& input) {
    const GgufFile file(encoders);
    const MediaTensor tensor = prepare({modality, input.string()}, Encoders(encoders).transforms());
    const std::size_t length = tensor.values.size() / tensor.n_views;
    std::vector<double> mean(kWidth);
    for (int view = 0; view < tensor.n_views; ++view) {
      const auto row = expected_of_view(file, config, tensor.values.data() + view * length);
      for (std::size_t i = 0; i < mean.size(); ++i)
        mean[i] += row[i] / tensor.n_views;
    }
    return mean;
  }

  static void expect_near(std::span<const float> actual, const std::vector<double>& expected,
                          double tolerance) {
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], tolerance) << i;
  }

  test::TemporaryFolder folder_;
};

TEST_F(TowerTest, EmbedderUsesTowersThatWereRegistered) {
  const fs::path path = write({kPictures, kFilms, kSounds, kTexts});
  const Embedder embedder(path.string(), {.n_threads = 1, .use_cache = false});
  EXPECT_EQ(embedder.width(), kWidth);
  EXPECT_TRUE(embedder.takes_text());
  for (const Modality modality : kAllModalities)
    EXPECT_EQ(embedder.takes(modality), modality != Modality::kDepth && modality != Modality::kImu)
        << to_string(modality);
  Inputs inputs;
  inputs.add_file(Modality::kImage, kPhoto.string())
      .add_file(Modality::kVideo, kFilm.string())
      .add_file(Modality::kAudio, kSound.string())
      .add_file(Modality::kThermal, kThermal.string());
  const std::vector<float> rows = embedder.embed(inputs);
  ASSERT_EQ(rows.size(), std::size_t{4} * kWidth);
  const auto row = [&](std::size_t i) { return std::span(rows).subspan(i * kWidth, kWidth); };
  expect_near(row(0), expected(path, kPictures, Modality::kImage, kPhoto), kFastTolerance);
  expect_near(row(1), expected(path, kFilms, Modality::kVideo, kFilm), kFastTolerance);
  expect_near(row(2), expected(path, kSounds, Modality::kAudio, kSound), kFastTolerance);
  EXPECT_TRUE(std::ranges::any_of(row(3), [](float value) { return value != 0; }))
      << "ImageBind's tower, in the same file";

  const std::vector<std::string> texts{"ab", "ba", "c"};
  const std::vector<float> embedded = embedder.embed_texts(texts);
  const GgufFile file(path);
  std::vector<float> a(kWidth);
  std::vector<float> b(kWidth);
  file.read_row_f32(file.tensor("text.bytes"), 'a', a);
  file.read_row_f32(file.tensor("text.bytes"), 'b', b);
  double squares = 0;
  for (int i = 0; i < kWidth; ++i)
    squares += (double{a[i]} + b[i]) * (double{a[i]} + b[i]);
  for (int i = 0; i < kWidth; ++i) {
    EXPECT_NEAR(embedded[i], (a[i] + b[i]) / std::sqrt(squares), 1e-5);
    EXPECT_EQ(embedded[i], embedded[kWidth + i]) << "the order of bytes doesn't count";
  }
}

TEST_F(TowerTest, InputEncoderPreparesAsTheTowersSay) {
  const fs::path path = write({kPictures, kFilms, kSounds});
  const Encoders encoders(path, {.n_threads = 1});
  const MediaTransforms& transforms = encoders.transforms();
  EXPECT_EQ(transforms.picture.size, 20);
  EXPECT_EQ(transforms.video.size, 28);
  EXPECT_EQ(transforms.thermal_picture.size,
            test::tiny_config(TowerKind::kThermal).stem.input.height);

  const MediaTensor photo = prepare({Modality::kImage, kPhoto.string()}, transforms);
  const Image cropped = resize_and_crop(load_image(kPhoto), {.size = 20, .resize_short_side = 20});
  ASSERT_EQ(photo.values.size(), cropped.rgb.size());
  EXPECT_FLOAT_EQ(photo.values[2 * 400 + 7],
                  (static_cast<float>(cropped.rgb[3 * 7 + 2]) / 255 - 0.3F) / 0.125F);
  const MediaTensor film = prepare({Modality::kVideo, kFilm.string()}, transforms);
  EXPECT_EQ(film.n_views, 1);
  EXPECT_EQ(film.values.size(), std::size_t{3} * 8 * 28 * 28);
  const MediaTensor sound = prepare({Modality::kAudio, kSound.string()}, transforms);
  EXPECT_EQ(sound.n_views, 2);
  EXPECT_EQ(sound.values.size(), std::size_t{2} * 64 * 100);
  EXPECT_EQ(sound.statistics.size(), std::size_t{kSoundStatistics});

  const InputEncoder encoder(path, {.n_threads = 1, .max_batch = 2}, "test");
  EXPECT_THAT(encoder.modalities(), ElementsAre(Modality::kImage, Modality::kVideo,
                                                Modality::kAudio, Modality::kThermal));
  const Input input{Modality::kImage, kPhoto.string()};
  const std::vector<float> rows = encoder.encode({input, input, input});
  ASSERT_EQ(rows.size(), std::size_t{3} * kWidth);
  const std::vector<double> one = expected(path, kPictures, Modality::kImage, kPhoto);
  for (std::size_t i = 0; i < 3; ++i)
    expect_near(std::span(rows).subspan(i * kWidth, kWidth), one, kFastTolerance);
}

TEST_F(TowerTest, FilmsGoToTheVisionTowerWhereThereIsNoVideoTower) {
  const fs::path both = write({kPictures, kFilms});
  EXPECT_EQ(Encoders(both).tower_of(Modality::kVideo), TowerKind::kVideo);
  EXPECT_EQ(Encoders(both, {.towers = {TowerKind::kVideo}}).towers(),
            std::vector{TowerKind::kVideo});
  const Encoders pictures(both, {.towers = {TowerKind::kVision}});
  EXPECT_EQ(pictures.tower_of(Modality::kVideo), TowerKind::kVision);
  // one frame a clip is what this vision tower takes
  EXPECT_EQ(prepare({Modality::kVideo, kFilm.string()}, pictures.transforms()).values.size(),
            pictures.view_length(TowerKind::kVision));
}

TEST_F(TowerTest, BothRealisationsOfTheLayersAgree) {
  const fs::path path = write({kFilms});
  const GgufFile file(path);
  for (const bool portable : {false, true}) {
    Encoders encoders(
        path,
        {.n_threads = 1, .max_batch = 2, .portable = portable, .compute_type = ComputeType::kF32});
    const std::size_t length = encoders.view_length(TowerKind::kVideo);
    std::vector<float> films(3 * length);
    for (std::size_t i = 0; i < films.size(); ++i)
      films[i] = static_cast<float>(i / 97 * 7919 % 1024) / 512 - 1;
    const std::vector<float> rows = encoders.encode(TowerKind::kVideo, films, 3);
    for (std::size_t i = 0; i < 3; ++i)
      expect_near(std::span(rows).subspan(i * kWidth, kWidth),
                  expected_of_view(file, kFilms, films.data() + i * length), kTolerance);
    EXPECT_EQ(test::error_of([&] {
                encoders.encode(TowerKind::kVideo, std::span(films).first(length - 1), 1);
              }).kind(),
              ErrorKind::kUsage);
  }
}

TEST_F(TowerTest, MissingTensorsOfSuchTowersAreNamed) {
  const fs::path path = folder_ / "encoders.gguf";
  test::write_tiny_encoders(
      path, {.towers = {TowerKind::kThermal}, .metadata = [&](GgufWriter& writer) {
               test::write_frame_tower(writer, kPictures);
               writer.set_str(tower_key(TowerKind::kVideo, encoder_keys::kTowerArchitecture),
                              test::kFrameArchitecture);
               writer.set_u32_array(tower_key(TowerKind::kVideo, encoder_keys::kTowerInput),
                                    kFilms.input);
             }});
  const Error error = test::error_of([&] { Encoders(path, {.n_threads = 1}); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), HasSubstr("video.stem.weight"));
}

TEST_F(TowerTest, ANameIsTakenOnce) {
  EXPECT_NE(find_architecture(test::kFrameArchitecture), nullptr);
  for (const char* name : {test::kFrameArchitecture, "imagebind"})
    EXPECT_EQ(test::error_of([&] { register_architecture({.name = name}); }).kind(),
              ErrorKind::kUsage);
  EXPECT_EQ(find_architecture("resnet"), nullptr);
}

/// Promises embeddings of kWidth numbers and gives less.
class ShortTower : public Tower {
 public:
  void set_transforms(MediaTransforms&) const override {}
  std::size_t view_length() const override { return 2; }
  std::vector<float> encode(std::span<const float>, int n) override {
    return std::vector<float>(n * (kWidth - 1));
  }
};

TEST_F(TowerTest, RowsOfAnotherWidthAreRefused) {
  if (find_architecture("test-short") == nullptr)
    register_architecture(
        {.name = "test-short", .open = [](TowerKind, const TowerSource&) -> std::unique_ptr<Tower> {
           return std::make_unique<ShortTower>();
         }});
  const fs::path path = folder_ / "encoders.gguf";
  test::write_tiny_encoders(
      path, {.towers = {TowerKind::kThermal}, .metadata = [](GgufWriter& writer) {
               writer.set_str(tower_key(TowerKind::kImu, encoder_keys::kTowerArchitecture),
                              "test-short");
             }});
  Encoders encoders(path, {.n_threads = 1});
  const Error error = test::error_of([&] {
    encoders.encode(TowerKind::kImu, std::vector<float>{1, 2}, 1);
  });
  EXPECT_EQ(error.kind(), ErrorKind::kInternal);
  EXPECT_THAT(error.what(), HasSubstr("19 values for 1 embeddings of 20"));
}

}  // namespace
}  // namespace pandagpt
