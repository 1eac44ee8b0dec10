#include "encoders/encoders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "convert/efficientnet.h"
#include "encoders/efficientnet_lite.h"
#include "encoders/embedding.h"
#include "encoders/encoder_keys.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
namespace keys = encoder_keys;
using testing::HasSubstr;

// Of the tiny checkpoint; see tools/reference/make_efficientnet_fixtures.py.
constexpr int kTinySide = 37;
constexpr int kTinyWidth = 21;
constexpr int kTinyClasses = 7;
constexpr int kTinyPictures = 3;
// Random weights amplify rounding: PyTorch's own floats and doubles differ by 6e-5 in the tiny one.
constexpr float kTinyTolerance = 2e-4F;

const std::string kVisionArchitecture = tower_key(TowerKind::kVision, keys::kTowerArchitecture);
const std::string kResizeShortSide = tower_key(TowerKind::kVision, keys::kResizeShortSide);
const std::string kImageMean = tower_key(TowerKind::kVision, keys::kImageMean);
const std::string kImageStd = tower_key(TowerKind::kVision, keys::kImageStd);

fs::path fixture(const std::string& name) {
  return fs::path(PANDAGPT_FIXTURES) / name;
}

/// The largest difference as a share of the largest expected value.
float relative_difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  float largest = 0;
  float difference = 0;
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    difference = std::max(difference, std::fabs(actual[i] - expected[i]));
  }
  return difference / largest;
}

std::vector<float> tiny_pixels() {
  std::vector<float> pixels(std::size_t{kTinyPictures} * kTinySide * kTinySide * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<float>(i * 7919 % 1024) / 512 - 1;
  return pixels;
}

class EncodersTest : public testing::Test {
 protected:
  EncodersTest() {
    convert_efficientnet_lite(fixture("convert/tiny_zip.pt"), tiny(), {.image_size = kTinySide});
  }

  fs::path tiny() const { return folder_ / "tiny.gguf"; }

  /// A copy of the tiny file in which `edit` may override metadata and which lacks a tensor.
  fs::path edited(const std::function<void(GgufWriter&)>& edit, const std::string& without = {}) {
    const GgufFile file(tiny());
    GgufWriter writer;
    writer.set_str(keys::kArchitecture, file.get_str(keys::kArchitecture));
    writer.set_str(kVisionArchitecture, file.get_str(kVisionArchitecture));
    for (const char* key :
         {keys::kFormatVersion, keys::kEmbeddingLength, keys::kImageSize, keys::kStemChannels,
          keys::kStemKernel, keys::kStemStride, keys::kHeadChannels})
      writer.set_u32(key, file.get_u32(key));
    writer.set_u32(kResizeShortSide, file.get_u32(kResizeShortSide));
    for (const char* key :
         {keys::kBlockKernels, keys::kBlockStrides, keys::kBlockExpansions, keys::kBlockChannels})
      writer.set_u32_array(key, file.get_u32_array(key));
    for (const std::string& key : {kImageMean, kImageStd})
      writer.set_f32_array(key, file.get_f32_array(key));
    writer.set_bool(keys::kNormalize, true);
    writer.set_f32(keys::kOutputScale, file.get_f32(keys::kOutputScale));
    writer.set_str_array(keys::kClassLabels, file.get_str_array(keys::kClassLabels));
    edit(writer);
    for (const GgufTensor& tensor : file.tensors())
      if (tensor.name != without)
        writer.add_tensor(tensor.name, tensor.type, tensor.shape, tensor.data);
    writer.write(folder_ / "edited.gguf");
    return folder_ / "edited.gguf";
  }

  std::string error_of(const fs::path& path) {
    const Error error = test::error_of([&] { Encoders(path, {.n_threads = 1}); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    return error.what();
  }

  test::TemporaryFolder folder_;
};

TEST_F(EncodersTest, BothRealisationsEqualPyTorch) {
  const GgufFile expected(fixture("encoders/tiny_expected.gguf"));
  const GgufFile weights(tiny());
  const std::vector<float> pixels = tiny_pixels();
  for (const bool portable : {false, true}) {
    for (const int n_threads : {1, 2, 3}) {
      const ComputeBackend backend(n_threads);
      EfficientNetLite trunk(weights, backend, portable);
      const EfficientNetFeatures features =
          trunk.run(pixels.data(), kTinyPictures, {.grid = true, .logits = true});
      SCOPED_TRACE(testing::Message() << "portable " << portable << ", threads " << n_threads);
      EXPECT_LT(relative_difference(features.pooled, expected.read_f32("pooled")), kTinyTolerance);
      EXPECT_LT(relative_difference(features.grid, expected.read_f32("grid")), kTinyTolerance);
      EXPECT_LT(relative_difference(features.logits, expected.read_f32("logits")), kTinyTolerance);
    }
  }
}

TEST_F(EncodersTest, SizesComeFromTheFile) {
  Encoders encoders(tiny(), {.n_threads = 1});
  EXPECT_EQ(encoders.n_embd(), kTinyWidth);
  EXPECT_EQ(encoders.view_length(TowerKind::kVision), std::size_t{kTinySide} * kTinySide * 3);
  const MediaTransforms& transforms = encoders.transforms();
  EXPECT_EQ(transforms.picture.size, kTinySide);
  EXPECT_EQ(transforms.picture.mean, kEfficientNetLiteStats.mean);
  EXPECT_EQ(transforms.video.size, kTinySide);
  EXPECT_EQ(transforms.video.mean, kEfficientNetLiteStats.mean);
  EXPECT_EQ(encoders.trunk().n_features(), kTinyWidth);
  ASSERT_EQ(encoders.trunk().labels().size(), std::size_t{kTinyClasses});
  EXPECT_EQ(encoders.trunk().labels()[6], "class 6");
  EXPECT_TRUE(encoders.encode(TowerKind::kVision, {}, 0).empty());
}

TEST_F(EncodersTest, EmbeddingsAreScaledToTheSquareRootOfTheWidth) {
  const GgufFile expected(fixture("encoders/tiny_expected.gguf"));
  std::vector<float> rows = expected.read_f32("pooled");
  for (int i = 0; i < kTinyPictures; ++i) {
    float* row = rows.data() + i * kTinyWidth;
    double squares = 0;
    for (int j = 0; j < kTinyWidth; ++j)
      squares += double{row[j]} * row[j];
    for (int j = 0; j < kTinyWidth; ++j)
      row[j] = static_cast<float>(row[j] * std::sqrt(kTinyWidth / squares));
  }
  const std::vector<float> pixels = tiny_pixels();
  Encoders encoders(tiny(), {.n_threads = 2});
  EXPECT_LT(relative_difference(encoders.encode(TowerKind::kVision, pixels, kTinyPictures), rows),
            kTinyTolerance);
}

TEST_F(EncodersTest, BatchesDoNotChangeTheResult) {
  const std::vector<float> pixels = tiny_pixels();
  Encoders whole(tiny(), {.n_threads = 2, .max_batch = 8});
  Encoders parts(tiny(), {.n_threads = 2, .max_batch = 2});
  EXPECT_LT(relative_difference(parts.encode(TowerKind::kVision, pixels, kTinyPictures),
                                whole.encode(TowerKind::kVision, pixels, kTinyPictures)),
            1e-6F);
  EXPECT_LT(relative_difference(parts.trunk().logits(pixels.data(), kTinyPictures),
                                whole.trunk().logits(pixels.data(), kTinyPictures)),
            1e-6F);
}

TEST_F(EncodersTest, AFilmIsTheMeanOfItsFrames) {
  Encoders encoders(tiny(), {.n_threads = 1, .max_batch = 2});
  const std::vector<float> pixels = tiny_pixels();
  const std::vector<float> frames = encoders.encode(TowerKind::kVision, pixels, kTinyPictures);
  const std::vector<float> film = encoders.encode(TowerKind::kVision, pixels, 1);
  EXPECT_EQ(film, mean_over_views(frames, 1, kTinyPictures, kTinyWidth));
  EXPECT_EQ(encoders.transforms().video.layout, TensorLayout::kHwc);
}

TEST_F(EncodersTest, FingerprintFollowsTheFile) {
  const std::string before = Encoders(tiny(), {.n_threads = 1}).fingerprint();
  EXPECT_EQ(Encoders(tiny(), {.n_threads = 2}).fingerprint(), before);
  const fs::path other = edited([](GgufWriter& w) { w.set_u32(kResizeShortSide, 40); });
  EXPECT_NE(Encoders(other, {.n_threads = 1}).fingerprint(), before);
}

TEST_F(EncodersTest, FilesThatDoNotFitAreNamed) {
  const auto error = [&](const std::function<void(GgufWriter&)>& edit) {
    return error_of(edited(edit));
  };
  EXPECT_THAT(error([](GgufWriter& w) { w.set_str(keys::kArchitecture, "llama"); }),
              HasSubstr("holds a llama model"));
  EXPECT_THAT(error([](GgufWriter& w) { w.set_u32(keys::kFormatVersion, 99); }),
              HasSubstr("version 99"));
  EXPECT_THAT(error([](GgufWriter& w) { w.set_str(kVisionArchitecture, "resnet"); }),
              HasSubstr("is \"resnet\", which is unknown; this program knows efficientnet-lite, "
                        "imagebind, shared-trunk"));
  EXPECT_THAT(error([](GgufWriter& w) {
                w.set_str(tower_key(TowerKind::kText, keys::kTowerArchitecture), "shared-trunk");
              }),
              HasSubstr("pandagpt.text.architecture is \"shared-trunk\", which has no text"));
  for (const TowerKind kind : {TowerKind::kAudio, TowerKind::kVideo})
    EXPECT_THAT(error([&](GgufWriter& w) {
                  w.set_str(tower_key(kind, keys::kTowerArchitecture), keys::kEfficientNetLite);
                }),
                HasSubstr("which is for vision alone"));
  EXPECT_THAT(error([](GgufWriter& w) { w.set_u32(keys::kImageSize, 0); }),
              HasSubstr(keys::kImageSize));
  EXPECT_THAT(error([](GgufWriter& w) { w.set_u32(kResizeShortSide, 12); }),
              HasSubstr(kResizeShortSide));
  EXPECT_THAT(error([](GgufWriter& w) { w.set_u32(keys::kEmbeddingLength, 5); }),
              HasSubstr(keys::kEmbeddingLength));
  EXPECT_THAT(error([](GgufWriter& w) {
                w.set_f32_array(kImageStd, std::vector<float>{1, 0, 1});
              }),
              HasSubstr(kImageStd));
  EXPECT_THAT(error([](GgufWriter& w) {
                w.set_u32_array(keys::kBlockStrides, std::vector<std::uint32_t>{1, 2});
              }),
              HasSubstr("different lengths"));
  EXPECT_THAT(error([](GgufWriter& w) { w.set_u32(keys::kStemChannels, 9); }),
              HasSubstr("vision.stem.weight"));
  EXPECT_THAT(error([](GgufWriter& w) {
                w.set_str_array(keys::kClassLabels, std::vector<std::string>{"one"});
              }),
              HasSubstr("1 names for 7 classes"));
}

TEST_F(EncodersTest, MissingTensorsAreNamed) {
  EXPECT_THAT(error_of(edited([](GgufWriter&) {}, "vision.block.1.expand.bias")),
              HasSubstr("vision.block.1.expand.bias"));
}

TEST_F(EncodersTest, ClassifierIsOptional) {
  const fs::path path =
      edited([](GgufWriter& w) { w.set_str_array(keys::kClassLabels, std::vector<std::string>{}); },
             "vision.classifier.weight");
  Encoders encoders(path, {.n_threads = 1});
  EXPECT_TRUE(encoders.trunk().labels().empty());
  const std::vector<float> pixels = tiny_pixels();
  EXPECT_THROW(encoders.trunk().logits(pixels.data(), 1), Error);
  const auto first = std::span(pixels).first(encoders.view_length(TowerKind::kVision));
  EXPECT_EQ(encoders.encode(TowerKind::kVision, first, 1).size(), std::size_t{kTinyWidth});
}

// The published weights, where scripts/setup.sh has put them.
TEST(PublishedWeights, FeaturesOfPhotosEqualPyTorch) {
  const fs::path path = fs::path(PANDAGPT_SOURCE_DIR) / "models/panda-mini/encoders.gguf";
  ASSERT_TRUE(fs::exists(path)) << path << " is made by scripts/setup.sh";
  const GgufFile weights(path);
  const GgufFile expected(fixture("encoders/photos_expected.gguf"));
  Encoders encoders(path, {.n_threads = 2});
  std::vector<float> pixels;
  for (int i = 0; i < 5; ++i) {
    const Image photo = load_image(fixture("encoders/photo_" + std::to_string(i) + ".png"));
    const std::vector<float> tensor = image_tensor(photo, encoders.transforms().picture);
    pixels.insert(pixels.end(), tensor.begin(), tensor.end());
  }
  const ComputeBackend backend(2);
  EfficientNetLite trunk(weights, backend, /*portable=*/false);
  const EfficientNetFeatures features = trunk.run(pixels.data(), 5, {.logits = true});
  EXPECT_LT(relative_difference(features.pooled, expected.read_f32("pooled")), 1e-5F);
  EXPECT_LT(relative_difference(features.logits, expected.read_f32("logits")), 1e-5F);
  const float* cat = features.logits.data() + 1000;  // the second photo
  EXPECT_EQ(encoders.trunk().labels()[std::max_element(cat, cat + 1000) - cat], "Egyptian cat");
}

}  // namespace
}  // namespace pandagpt
