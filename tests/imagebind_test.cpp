// ImageBind's towers against the reference's own classes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "encoders/bpe_tokenizer.h"
#include "encoders/encoders.h"
#include "encoders/imagebind_graph.h"
#include "encoders/patches.h"
#include "imagebind_fixtures.h"
#include "pandagpt/error.h"
#include "tensor/devices.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
namespace keys = encoder_keys;
using test::tiny_config;
using test::tiny_values;
using test::TinyEdit;
using testing::HasSubstr;

constexpr int kInputs = 2;  // of each tower in the fixtures; three texts
constexpr int kTexts = 3;
constexpr float kTolerance = 1e-4F;

float largest_difference(std::span<const float> actual, std::span<const float> expected) {
  EXPECT_EQ(actual.size(), expected.size());
  float largest = 0;
  for (std::size_t i = 0; i < std::min(actual.size(), expected.size()); ++i)
    largest = std::max(largest, std::fabs(actual[i] - expected[i]));
  return largest;
}

/// Of the least similar pair of rows.
double smallest_cosine(std::span<const float> a, std::span<const float> b, std::size_t width) {
  EXPECT_EQ(a.size(), b.size());
  double smallest = 1;
  for (std::size_t row = 0; row + width <= a.size(); row += width) {
    const auto x = a.subspan(row, width);
    const auto y = b.subspan(row, width);
    const auto dot = [](auto p, auto q) {
      return std::inner_product(p.begin(), p.end(), q.begin(), 0.0);
    };
    smallest = std::min(smallest, dot(x, y) / std::sqrt(dot(x, x) * dot(y, y)));
  }
  return smallest;
}

/// An expected result and the input of it.
struct Case {
  std::string name;  ///< of the tensors in tiny_expected.gguf
  TowerKind tower = TowerKind::kVision;
  int n = kInputs;
  std::size_t view_length = 0;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const TowerKind tower : kImageBindTowers) {
    const StemConfig stem = tiny_config(tower).stem;
    const auto length = static_cast<std::size_t>(stem.input_length() / stem.input.frames);
    all.push_back({tower_name(tower), tower, tower == TowerKind::kText ? kTexts : kInputs, length});
    if (tower == TowerKind::kVision)
      all.push_back({"video", tower, kInputs, length * stem.input.frames});
  }
  return all;
}

class ImageBindTest : public testing::Test {
 protected:
  ImageBindTest() : expected_(test::imagebind_fixture("tiny_expected.gguf")) {}

  fs::path tiny(const TinyEdit& edit = {}) {
    test::write_tiny_encoders(folder_ / "tiny.gguf", edit);
    return folder_ / "tiny.gguf";
  }

  std::vector<std::int32_t> texts() const {
    const ByteView data = expected_.tensor("text.tokens").data;
    std::vector<std::int32_t> tokens(data.size() / sizeof(std::int32_t));
    std::memcpy(tokens.data(), data.data(), data.size());
    return tokens;
  }

  std::vector<float> encode(Encoders& encoders, const Case& c) const {
    if (c.tower == TowerKind::kText) return encoders.encode_text(texts(), c.n);
    return encoders.encode(c.tower, tiny_values(c.n * c.view_length), c.n);
  }

  Error error_of(const TinyEdit& edit) {
    return test::error_of([&] { Encoders(tiny(edit), {.n_threads = 1}); });
  }
  std::string model_error_of(const TinyEdit& edit) {
    const Error error = error_of(edit);
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    return error.what();
  }
  std::string metadata_error(const std::function<void(GgufWriter&)>& metadata) {
    return model_error_of({.metadata = metadata});
  }

  GgufFile expected_;
  test::TemporaryFolder folder_;
};

TEST_F(ImageBindTest, EveryBlockOfEveryTowerEqualsTheReference) {
  const GgufFile file(tiny());
  const ComputeBackend backend(1);
  for (const bool portable : {false, true}) {
    for (const Case& c : cases()) {
      SCOPED_TRACE(c.name + (portable ? ", portable" : ""));
      ImageBindGraph tower(file, read_tower_config(file, c.tower), backend,
                           portable
                               ? make_portable_transformer_layers(file, backend)
                               : make_cpu_transformer_layers(file, backend, ComputeType::kF32));
      const TowerFeatures features =
          c.tower == TowerKind::kText
              ? tower.run_text(texts(), c.n, /*with_blocks=*/true)
              : tower.run(tiny_values(c.n * c.view_length), c.n, /*with_blocks=*/true);
      ASSERT_EQ(static_cast<int>(features.blocks.size()), tiny_config(c.tower).n_blocks);
      for (std::size_t i = 0; i < features.blocks.size(); ++i) {
        const std::string name = c.name + ".block" + std::to_string(i);
        EXPECT_LT(largest_difference(features.blocks[i], expected_.read_f32(name)), kTolerance)
            << name;
      }
      EXPECT_LT(largest_difference(features.embeddings, expected_.read_f32(c.name + ".embedding")),
                kTolerance);
    }
  }
}

TEST_F(ImageBindTest, EmbeddingsEqualTheReference) {
  // Without the blocks' outputs, the last block computes one token only.
  for (const bool portable : {false, true}) {
    Encoders encoders(tiny(),
                      {.n_threads = 2, .portable = portable, .compute_type = ComputeType::kF32});
    for (const Case& c : cases())
      EXPECT_LT(largest_difference(encode(encoders, c), expected_.read_f32(c.name + ".embedding")),
                kTolerance)
          << c.name << ", portable " << portable;
  }
}

TEST_F(ImageBindTest, WeightsOfFewerBits) {
  const std::map<ggml_type, double> cosines{
      {GGML_TYPE_F16, 0.99999}, {GGML_TYPE_BF16, 0.999}, {GGML_TYPE_Q8_0, 0.998}};
  for (const bool portable : {false, true}) {
    for (const auto& [type, cosine] : cosines) {
      Encoders encoders(tiny({.matrix_type = type}), {.n_threads = 1, .portable = portable});
      for (const Case& c : cases())
        EXPECT_GT(smallest_cosine(encode(encoders, c), expected_.read_f32(c.name + ".embedding"),
                                  encoders.n_embd()),
                  portable ? cosine : 0.998)
            << c.name << " in " << ggml_type_name(type) << ", portable " << portable;
    }
  }
}

TEST_F(ImageBindTest, ViewsAreAveragedAfterPostProcessing) {
  Encoders encoders(tiny(), {.n_threads = 1, .max_batch = 3, .portable = true});
  for (const TowerKind tower : {TowerKind::kVision, TowerKind::kAudio}) {
    const std::vector<float> views = tiny_values(kInputs * encoders.view_length(tower));
    const std::string name = std::string(tower_name(tower)) + ".mean";
    EXPECT_LT(
        largest_difference(encoders.encode(tower, views, 1, kInputs), expected_.read_f32(name)),
        kTolerance);
    // Two inputs of two views each, in batches of three and one.
    std::vector<float> twice = views;
    twice.insert(twice.end(), views.begin(), views.end());
    const std::vector<float> rows = encoders.encode(tower, twice, 2, kInputs);
    ASSERT_EQ(rows.size(), std::size_t(2) * encoders.n_embd());
    const std::span<const float> second = std::span(rows).subspan(encoders.n_embd());
    EXPECT_LT(largest_difference(second, expected_.read_f32(name)), kTolerance);
  }
}

TEST_F(ImageBindTest, TextsAreTheSameAloneAndTogether) {
  // Alone, a short text is cut after its end; in a batch it isn't.
  Encoders encoders(tiny(), {.n_threads = 1, .portable = true});
  const std::vector<std::int32_t> tokens = texts();
  const std::size_t length = encoders.context_length();
  const std::vector<float> expected = expected_.read_f32("text.embedding");
  for (int i = 0; i < kTexts; ++i) {
    const std::vector<float> row =
        encoders.encode_text(std::span(tokens).subspan(i * length, length), 1);
    const std::size_t width = row.size();
    EXPECT_LT(largest_difference(row, std::span(expected).subspan(i * width, width)), kTolerance);
  }
}

TEST_F(ImageBindTest, TextsGoThroughTheTokenizer) {
  const std::vector<std::string> merges{"c a", "ca t</w>", "d o", "do g</w>", "s i", "si t</w>"};
  const auto with_merges = [&](std::span<const std::string> some) {
    return tiny({.towers = {TowerKind::kText}, .metadata = [&](GgufWriter& w) {
                   w.set_str_array(keys::kTokenizerMerges, some);
                 }});
  };
  Encoders encoders(with_merges(merges), {.n_threads = 1, .portable = true});
  const BpeTokenizer tokenizer(merges, encoders.context_length());
  const std::vector<std::string> texts{"A cat", "sit, dog!"};
  std::vector<std::int32_t> tokens;
  for (const std::string& text : texts)
    std::ranges::copy(tokenizer.context(text), std::back_inserter(tokens));
  EXPECT_LT(largest_difference(encoders.encode_texts(texts), encoders.encode_text(tokens, 2)),
            1e-6F);
  EXPECT_TRUE(encoders.encode_texts({}).empty());

  const auto error = [&](const fs::path& path) {
    Encoders without(path, {.n_threads = 1});
    const Error thrown = test::error_of([&] { without.encode_texts(texts); });
    EXPECT_EQ(thrown.kind(), ErrorKind::kModel);
    return std::string(thrown.what());
  };
  EXPECT_THAT(error(tiny({.towers = {TowerKind::kText}})), HasSubstr(keys::kTokenizerMerges));
  EXPECT_THAT(error(with_merges(std::span(merges).first(5))), HasSubstr("519 tokens"));
  EXPECT_THAT(error(tiny({.towers = {TowerKind::kImu}})), HasSubstr("no text tower"));
}

TEST_F(ImageBindTest, PicturesGoThroughTheTransform) {
  Encoders encoders(tiny({.towers = {TowerKind::kVision}}), {.n_threads = 1});
  const ImageTransform& transform = encoders.transforms().picture;
  EXPECT_EQ(transform.size, tiny_config(TowerKind::kVision).stem.input.height);
  EXPECT_EQ(transform.mean, kImageBindStats.mean);
  Image image{40, 30, Bytes(std::size_t{40} * 30 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(i * 31);
  EXPECT_EQ(picture_tensors({&image, 1}, encoders.transforms()),
            image_tensor(image, transform, TensorLayout::kChw));
}

TEST_F(ImageBindTest, OnlyWhatIsAskedForIsUsed) {
  const TowerKind some[] = {TowerKind::kAudio, TowerKind::kImu};
  Encoders all(tiny(), {.n_threads = 1});
  EXPECT_THAT(all.towers(), testing::ElementsAreArray(kImageBindTowers));
  Encoders chosen(folder_ / "tiny.gguf", {.n_threads = 1, .towers = {some[0], some[1]}});
  EXPECT_THAT(chosen.towers(), testing::ElementsAreArray(some));
  EXPECT_FALSE(chosen.has(TowerKind::kVision));
  const Error error = test::error_of([&] { chosen.view_length(TowerKind::kVision); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), HasSubstr("no vision tower; it has: audio, imu"));

  Encoders text_only(tiny({.towers = {TowerKind::kText}}), {.n_threads = 1});
  EXPECT_EQ(text_only.encode_text(texts(), kTexts).size(),
            std::size_t{kTexts} * text_only.n_embd());
  EXPECT_THAT(test::error_of([&] {
                Encoders(folder_ / "tiny.gguf", {.n_threads = 1, .towers = {TowerKind::kDepth}});
              }).what(),
              HasSubstr("no depth tower"));
}

TEST_F(ImageBindTest, WrongInputsAreRefused) {
  Encoders encoders(tiny(), {.n_threads = 1});
  const auto kind_of = [](const std::function<void()>& call) {
    return test::error_of(call).kind();
  };
  const std::vector<float> values = tiny_values(encoders.view_length(TowerKind::kDepth));
  EXPECT_EQ(kind_of([&] { encoders.encode(TowerKind::kDepth, std::span(values).subspan(1), 1); }),
            ErrorKind::kUsage);
  EXPECT_EQ(kind_of([&] { encoders.encode(TowerKind::kDepth, values, 2); }), ErrorKind::kUsage);
  EXPECT_EQ(kind_of([&] { encoders.encode(TowerKind::kDepth, values, 1, 0); }), ErrorKind::kUsage);
  EXPECT_EQ(kind_of([&] { encoders.encode(TowerKind::kText, values, 1); }), ErrorKind::kUsage);
  std::vector<float> broken = values;
  broken[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(kind_of([&] { encoders.encode(TowerKind::kDepth, broken, 1); }), ErrorKind::kInput);
  EXPECT_TRUE(encoders.encode(TowerKind::kDepth, {}, 0).empty());

  std::vector<std::int32_t> tokens = texts();
  EXPECT_EQ(kind_of([&] { encoders.encode_text(tokens, kTexts + 1); }), ErrorKind::kUsage);
  for (const std::int32_t token : {-1, tiny_config(TowerKind::kText).vocab_size}) {
    tokens[1] = token;
    EXPECT_EQ(kind_of([&] { encoders.encode_text(tokens, kTexts); }), ErrorKind::kUsage);
  }
  EXPECT_EQ(kind_of([&] { encoders.trunk(); }), ErrorKind::kUsage);
}

TEST_F(ImageBindTest, UnknownDevicesAreNamedWithThoseThatExist) {
  const Error error =
      test::error_of([&] { Encoders(tiny(), {.n_threads = 1, .device = "cuda99"}); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("cuda99"), HasSubstr("cpu")));
}

// On a GPU, where ggml was built with one and found it.
TEST_F(ImageBindTest, EveryDeviceEqualsTheReference) {
  for (const std::string& device : compute_devices()) {
    Encoders encoders(tiny(), {.n_threads = 1, .portable = true, .device = device});
    for (const Case& c : cases())
      EXPECT_GT(smallest_cosine(encode(encoders, c), expected_.read_f32(c.name + ".embedding"),
                                encoders.n_embd()),
                0.9999)
          << c.name << " on " << device;
  }
}

TEST_F(ImageBindTest, ImpossibleSizesAreNamed) {
  const auto error = [&](TowerKind tower, const char* part, std::uint32_t value) {
    return metadata_error([&](GgufWriter& w) { w.set_u32(tower_key(tower, part), value); });
  };
  const auto array_error = [&](TowerKind tower, const char* part,
                               std::vector<std::uint32_t> values) {
    return metadata_error([&](GgufWriter& w) { w.set_u32_array(tower_key(tower, part), values); });
  };
  for (const char* part : {"width", "block_count", "head_count", "feed_forward_length"}) {
    for (const std::uint32_t value : {0U, 1U << 31})
      EXPECT_THAT(error(TowerKind::kAudio, part, value),
                  HasSubstr(std::string("pandagpt.audio.") + part + " is"));
  }
  EXPECT_THAT(error(TowerKind::kAudio, "head_count", 5), HasSubstr("no divisor of the width 32"));
  EXPECT_THAT(error(TowerKind::kText, "context_length", 0),
              HasSubstr("pandagpt.text.context_length"));
  EXPECT_THAT(error(TowerKind::kText, "vocab_size", 1 << 30),
              HasSubstr("pandagpt.text.vocab_size"));
  EXPECT_THAT(array_error(TowerKind::kImu, "input", {6, 1, 1}), HasSubstr("has 3 values, not 4"));
  EXPECT_THAT(array_error(TowerKind::kImu, "stride", {1, 1, 0}),
              HasSubstr("pandagpt.imu.stride is 0"));
  EXPECT_THAT(array_error(TowerKind::kImu, "kernel", {1, 1, 99}),
              HasSubstr("larger than the input"));
  EXPECT_THAT(array_error(TowerKind::kAudio, "input", {1, 1, 1600, 1600}), HasSubstr("tokens"));
  EXPECT_THAT(array_error(TowerKind::kAudio, "input", {16000, 16000, 16000, 16000}),
              HasSubstr("pandagpt.audio.input has"));
  EXPECT_THAT(array_error(TowerKind::kVision, "input", {3, 2, 18, 19}),
              HasSubstr("no square picture"));
  EXPECT_THAT(array_error(TowerKind::kDepth, "input", {1, 1, 24, 26}),
              HasSubstr("pandagpt.depth.input is no square picture of one channel"));
  EXPECT_THAT(array_error(TowerKind::kThermal, "input", {1, 1, 16, 18}),
              HasSubstr("pandagpt.thermal.input is no square picture of one channel"));
  EXPECT_THAT(metadata_error([](GgufWriter& w) { w.set_u32(keys::kEmbeddingLength, 0); }),
              HasSubstr(keys::kEmbeddingLength));
  EXPECT_THAT(metadata_error([](GgufWriter& w) {
                w.set_str(tower_key(TowerKind::kDepth, "architecture"), "resnet");
              }),
              HasSubstr("pandagpt.depth.architecture is \"resnet\""));
}

TEST_F(ImageBindTest, TensorsThatDoNotFitAreNamed) {
  for (const TowerKind tower : kImageBindTowers) {
    // Sizes that no tensor has: the first one that depends on it is named.
    EXPECT_THAT(metadata_error(
                    [&](GgufWriter& w) { w.set_u32(tower_key(tower, "feed_forward_length"), 77); }),
                HasSubstr(std::string(tower_name(tower)) + ".blk.0.ffn_up.weight"));
    for (const ImageBindTensor& missing : imagebind_tensors(tiny_config(tower))) {
      const auto leave_out = [&](ImageBindTensor& tensor) {
        if (tensor.name == missing.name) tensor.name.clear();
      };
      EXPECT_THAT(model_error_of({.towers = {tower}, .tensor = leave_out}),
                  HasSubstr(missing.name));
    }
  }
  EXPECT_THAT(model_error_of({.tensor =
                                  [](ImageBindTensor& tensor) {
                                    if (tensor.name == "imu.head.weight") tensor.shape[1] -= 1;
                                  }}),
              HasSubstr("imu.head.weight"));
  EXPECT_THAT(model_error_of({.towers = {}}), HasSubstr("holds no encoder"));
}

TEST(ImageBindConfig, SurvivesTheFile) {
  const test::TemporaryFolder folder;
  GgufWriter writer;
  for (const TowerKind tower : kImageBindTowers)
    write_tower_config(writer, imagebind_huge_config(tower));
  writer.set_u32(keys::kEmbeddingLength, 1024);
  writer.write(folder / "sizes.gguf");
  const GgufFile file(folder / "sizes.gguf");
  for (const TowerKind tower : kImageBindTowers)
    EXPECT_EQ(read_tower_config(file, tower), imagebind_huge_config(tower));
}

TEST(ImageBindConfig, HugeHasTheTokensOfTheReference) {
  const std::map<TowerKind, int> tokens{{TowerKind::kVision, 257},  {TowerKind::kText, 77},
                                        {TowerKind::kAudio, 229},   {TowerKind::kDepth, 197},
                                        {TowerKind::kThermal, 197}, {TowerKind::kImu, 251}};
  for (const auto& [tower, n] : tokens)
    EXPECT_EQ(imagebind_huge_config(tower).n_tokens(), n) << tower_name(tower);
}

TEST(ImageBindTensors, AreThoseOfTheReference) {
  const TensorSource source = open_tensor_source(test::imagebind_fixture("tiny.pth"));
  std::map<std::string, std::vector<std::int64_t>> left;
  for (const auto& [name, tensor] : source.tensors())
    left[name] = tensor.shape;
  for (const TowerKind tower : kImageBindTowers) {
    for (const ImageBindTensor& tensor : imagebind_tensors(tiny_config(tower))) {
      ASSERT_TRUE(left.contains(tensor.source)) << tensor.source;
      EXPECT_EQ(left[tensor.source], tensor.source_shape) << tensor.source;
      left.erase(tensor.source);
    }
    for (const std::string& name : imagebind_unused_tensors(tower))
      EXPECT_EQ(left.erase(name), 1U) << name;
  }
  EXPECT_TRUE(left.empty()) << left.begin()->first;
}

TEST(Patches, OverlapAndLeaveTheRest) {
  // 2 x 5 pixels in windows of 2 x 3, two apart: columns 0 to 2 and 2 to 4.
  const StemConfig stem{1, {1, 2, 5}, {1, 2, 3}, {1, 2, 2}};
  std::vector<float> values(10);
  std::iota(values.begin(), values.end(), 0.0F);
  std::vector<float> patches(stem.n_patches() * stem.patch_length());
  cut_patches(stem, values.data(), 1, patches.data());
  EXPECT_THAT(patches, testing::ElementsAre(0, 1, 2, 5, 6, 7, 2, 3, 4, 7, 8, 9));
}

TEST(Patches, OrderIsChannelsThenFrames) {
  const StemConfig stem{2, {2, 1, 3}, {2, 1, 1}, {2, 1, 1}};  // the last column: a third patch
  std::vector<float> film(12);
  std::iota(film.begin(), film.end(), 0.0F);
  std::vector<float> patches(stem.n_patches() * stem.patch_length());
  cut_patches(stem, film.data(), 2, patches.data());
  EXPECT_THAT(patches, testing::ElementsAre(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11));
  const std::vector<float> still{0, 1, 2, 3, 4, 5};
  cut_patches(stem, still.data(), 1, patches.data());
  EXPECT_THAT(patches, testing::ElementsAre(0, 0, 3, 3, 1, 1, 4, 4, 2, 2, 5, 5));
}

}  // namespace
}  // namespace pandagpt
