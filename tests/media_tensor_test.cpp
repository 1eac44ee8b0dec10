// Every kind of input, from a file to its embedding, with the tiny ImageBind.
#include "pipeline/media_tensor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "imagebind_fixtures.h"
#include "pandagpt/embedder.h"
#include "pipeline/embedding_math.h"
#include "pipeline/input_encoder.h"
#include "preprocess/statistics.h"
#include "store/sqlite.h"
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

using Files = std::vector<std::pair<Modality, fs::path>>;

/// One of each kind.
const Files kGood{{Modality::kImage, kFixtures / "encoders" / "photo_0.png"},
                  {Modality::kVideo, kFixtures / "video" / "h264_25.mp4"},
                  {Modality::kAudio, kFixtures / "audio" / "pcm_16.wav"},
                  {Modality::kThermal, kExamples / "thermal_centikelvin.png"},
                  {Modality::kDepth, kExamples / "depth_mm.png"},
                  {Modality::kImu, kExamples / "walking_imu.csv"}};

TEST_F(EveryInputTest, HasAnEmbeddingFromFileAndFromMemory) {
  for (const auto& [modality, path] : kGood) {
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

/// Of each kind a file of another kind.
const Files kWrong{{Modality::kImage, kExamples / "walking_imu.csv"},
                   {Modality::kVideo, kExamples / "walking_imu.csv"},
                   {Modality::kAudio, kFixtures / "encoders" / "photo_0.png"},
                   {Modality::kThermal, kExamples / "walking_imu.csv"},
                   {Modality::kDepth, kExamples / "walking_imu.csv"},
                   {Modality::kImu, kFixtures / "encoders" / "photo_0.png"}};

TEST_F(EveryInputTest, FilesOfAnotherKindAreInputErrorsThatNameThem) {
  for (const auto& [modality, path] : kWrong) {
    const Error error = error_of([&] { embed(modality, path); });
    EXPECT_EQ(error.kind(), ErrorKind::kInput) << to_string(modality) << ": " << error.what();
    EXPECT_NE(std::string(error.what()).find(path.filename().string()), std::string::npos)
        << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

TEST_F(EveryInputTest, EmbedEachGivesARowOrAnErrorForEachInput) {
  Inputs inputs;
  for (std::size_t i = 0; i < kGood.size(); ++i) {
    inputs.add_file(kWrong[i].first, kWrong[i].second.string());
    inputs.add_file(kGood[i].first, kGood[i].second.string());
  }
  inputs.add_file(Modality::kImage, "/nowhere/at.png");
  const Embedder uncached((folder_ / "encoders.gguf").string(),
                          EmbedderOptions{.n_threads = 1, .use_cache = false});
  const Embedder* const embedders[] = {embedder_.get(), &uncached};
  for (const Embedder* embedder : embedders) {
    const std::vector<EmbedResult> results = embedder->embed_each(inputs);
    ASSERT_EQ(results.size(), inputs.items().size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      const Input& input = inputs.items()[i];
      const bool is_good = i % 2 == 1;
      ASSERT_EQ(results[i].error.has_value(), !is_good) << input.name;
      if (is_good) {
        EXPECT_EQ(results[i].row, embed(input.modality, input.name)) << to_string(input.modality);
        continue;
      }
      EXPECT_TRUE(results[i].row.empty());
      EXPECT_EQ(results[i].error->kind(), ErrorKind::kInput);
      EXPECT_NE(std::string(results[i].error->what()).find(input.name), std::string::npos);
    }
  }
  EXPECT_TRUE(embedder_->embed_each({}).empty());
}

TEST_F(EveryInputTest, EachTextHasARowOrAnErrorToo) {
  const std::vector<std::string> merges{"c a", "ca t</w>", "d o", "do g</w>", "s i", "si t</w>"};
  test::write_tiny_encoders(folder_ / "text.gguf",
                            {.towers = {TowerKind::kText}, .metadata = [&](GgufWriter& writer) {
                               writer.set_str_array(encoder_keys::kTokenizerMerges, merges);
                             }});
  const Embedder embedder((folder_ / "text.gguf").string(), {.n_threads = 1});
  const std::vector<std::string> texts{"a dog", std::string(1 << 20, 'x'), "a cat", ""};
  const std::vector<EmbedResult> results = embedder.embed_texts_each(texts);
  ASSERT_EQ(results.size(), texts.size());
  ASSERT_TRUE(results[1].error);
  EXPECT_EQ(results[1].error->kind(), ErrorKind::kInput);
  for (const std::size_t i : {0, 2, 3})
    EXPECT_EQ(results[i].row, embedder.embed_texts({&texts[i], 1})) << texts[i];
  EXPECT_TRUE(embedder.embed_texts_each({}).empty());
}

TEST_F(EveryInputTest, StatisticsAreRememberedBesideTheEmbedding) {
  const fs::path cache = folder_ / "embeddings.sqlite";
  const std::vector<Input> inputs{
      {Modality::kAudio, (kFixtures / "audio" / "pcm_16.wav").string()},
      {Modality::kImage, (kFixtures / "encoders" / "photo_0.png").string()},
      {Modality::kImu, (kExamples / "walking_imu.csv").string()}};
  const auto encode = [&](EncodingReport& report) {
    const InputEncoder encoder(folder_ / "encoders.gguf", {.n_threads = 1}, "tiny",
                               {.file = cache});
    return encoder.encode(inputs, &report);
  };
  EncodingReport fresh;
  const std::vector<float> rows = encode(fresh);
  EXPECT_EQ(fresh.n_cached, 0);
  ASSERT_EQ(fresh.statistics.size(), inputs.size());
  EXPECT_EQ(fresh.statistics[0].size(), std::size_t{kSoundStatistics});
  EXPECT_TRUE(fresh.statistics[1].empty());
  EXPECT_EQ(fresh.statistics[2].size(), std::size_t{kMotionStatistics});

  EncodingReport remembered;
  EXPECT_EQ(encode(remembered), rows);
  EXPECT_EQ(remembered.n_cached, 3);
  EXPECT_EQ(remembered.statistics, fresh.statistics);

  // Older programs have left embeddings alone. Statistics are put behind theirs: audio, IMU, photo.
  Database(cache, Database::Missing::kFail).run("DELETE FROM embeddings WHERE id IN (2, 4)");
  EncodingReport again;
  EXPECT_EQ(encode(again), rows);
  EXPECT_EQ(again.n_cached, 1) << "the picture, which has no statistics";
  EXPECT_EQ(again.statistics, fresh.statistics);
}

TEST(EmbedEach, InputsWithoutATowerHaveAnErrorOfTheirOwn) {
  const Embedder embedder((kFixtures / "tiny-panda").string(), {.n_threads = 1});
  Inputs inputs;
  for (const auto& [modality, path] : kGood)
    inputs.add_file(modality, path.string());
  const std::vector<EmbedResult> results = embedder.embed_each(inputs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_EQ(results[i].error.has_value(), !embedder.takes(kGood[i].first));
    if (!results[i].error) continue;
    EXPECT_EQ(results[i].error->kind(), ErrorKind::kModel);
  }
  EXPECT_TRUE(results[0].row.size() == static_cast<std::size_t>(embedder.width()));
  EXPECT_TRUE(results[5].error);
  const std::vector<std::string> texts{"a"};
  EXPECT_EQ(embedder.embed_texts_each(texts)[0].error->kind(), ErrorKind::kModel);
}

TEST_F(EveryInputTest, ThreadsGetTheirOwnRowsAndErrors) {
  const InputEncoder encoder(folder_ / "encoders.gguf", {.n_threads = 1}, "tiny",
                             {.keeps_embeddings = false});
  std::vector<std::vector<float>> expected;
  for (const auto& [modality, path] : kGood)
    expected.push_back(embed(modality, path));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kGood.size(); ++t)
    threads.emplace_back([&, t] {
      const Input good{kGood[t].first, kGood[t].second.string()};
      const Input wrong{kWrong[t].first, kWrong[t].second.string()};
      for (int i = 0; i < 3; ++i) {
        const std::vector<float> row = encoder.encode({good});
        ASSERT_EQ(row.size(), expected[t].size());
        for (std::size_t j = 0; j < row.size(); ++j)
          EXPECT_NEAR(row[j], expected[t][j], 1e-5) << to_string(good.modality);
        EXPECT_EQ(error_of([&] { encoder.encode({good, wrong}); }).kind(), ErrorKind::kInput);
      }
    });
  for (std::thread& thread : threads)
    thread.join();
}

TEST_F(EveryInputTest, WhatCantBeEncodedDoesNotStopTheOthers) {
  Encoders encoders(folder_ / "encoders.gguf", {.n_threads = 1, .max_batch = 2});
  const MediaTransforms transforms = encoders.transforms();
  const auto width = static_cast<std::size_t>(encoders.n_embd());
  Files files{kGood[0], kGood[0], kGood[0], kGood[0], kGood[2], kGood[3]};
  std::vector<float> rows(files.size() * width);
  std::vector<TowerInput> inputs;
  std::vector<TowerInput*> pointers;
  inputs.reserve(files.size());
  for (const auto& [modality, path] : files) {
    inputs.push_back({modality, prepare({modality, path.string()}, transforms),
                      std::span(rows).subspan(inputs.size() * width, width)});
    pointers.push_back(&inputs.back());
  }
  inputs[1].tensor.values.pop_back();  // of the first batch of pictures
  inputs[4].tensor.values.pop_back();
  encode_prepared(encoders, pointers);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool fails = i == 0 || i == 1 || i == 4;
    EXPECT_EQ(inputs[i].failure != nullptr, fails) << i;
    EXPECT_EQ(length_of(inputs[i].row) > 0, !fails) << i;
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Bytes of memory that the process has had at most.
std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

// A photo of 12 megapixels takes 36 MB while it is decoded, and 0.6 MB from then on.
TEST_F(EveryInputTest, MemoryDoesNotGrowWithTheNumberOfPhotos) {
  constexpr std::uint32_t kWidth = 4000;
  constexpr std::uint32_t kHeight = 3000;
  constexpr std::uint32_t kBytes = 3 * kWidth * kHeight;
  std::string bmp = "BM";
  const auto put = [&](std::uint32_t value, int n_bytes = 4) {
    for (int i = 0; i < n_bytes; ++i)
      bmp += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  for (const std::uint32_t value : {54 + kBytes, 0U, 54U, 40U, kWidth, kHeight})
    put(value);
  put(1, 2);   // planes
  put(24, 2);  // bits of a pixel
  for (const std::uint32_t value : {0U, kBytes, 2835U, 2835U, 0U, 0U})
    put(value);
  for (std::uint32_t i = 0; i < kBytes; ++i)
    bmp += static_cast<char>(i % 251);
  test::write_text(folder_ / "photo.bmp", bmp);
  const auto embed_photos = [&](int n) {
    Inputs inputs;
    for (int i = 0; i < n; ++i)
      inputs.add_file(Modality::kImage, (folder_ / "photo.bmp").string());
    const Embedder embedder((folder_ / "encoders.gguf").string(),
                            EmbedderOptions{.n_threads = 1, .use_cache = false});
    return embedder.embed(inputs);
  };
  const std::vector<float> row = embed_photos(1);
  const std::int64_t before = peak_memory();
  EXPECT_EQ(embed_photos(6).size(), 6 * row.size());
  EXPECT_LT(peak_memory() - before, std::int64_t{72} << 20) << "two photos";
}
#endif

}  // namespace
}  // namespace pandagpt
