// Embeddings of the C interface: rows are those of the C++ interface; wrong calls are errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "c_api_support.h"
#include "encoders/encoder_keys.h"
#include "imagebind_fixtures.h"
#include "pandagpt/embedder.h"
#include "pandagpt/pandagpt.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::expect_failure;
using test::expect_usage_error;
using test::OwnedEmbedder;
using test::OwnedInputs;
using test::OwnedResults;
using testing::StartsWith;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const fs::path kExamples = fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data";
const std::string kPhoto = (kFixtures / "encoders" / "photo_0.png").string();
const std::string kOtherPhoto = (kFixtures / "encoders" / "photo_1.png").string();

class CEmbedderTest : public testing::Test {
 protected:
  CEmbedderTest() {
    const std::vector<std::string> merges{"c a", "ca t</w>", "d o", "do g</w>", "s i", "si t</w>"};
    test::write_tiny_encoders(folder_ / "text.gguf",
                              {.towers = {TowerKind::kText}, .metadata = [&](GgufWriter& writer) {
                                 writer.set_str_array(encoder_keys::kTokenizerMerges, merges);
                               }});
    test::write_tiny_encoders(folder_ / "media.gguf");
  }
  void open(const std::string& name, OwnedEmbedder& embedder) const {
    pandagpt_embedder_options options;
    ASSERT_EQ(pandagpt_embedder_options_init(&options, sizeof(options)), PANDAGPT_OK);
    options.n_threads = 1;
    ASSERT_EQ(pandagpt_embedder_open(path(name).c_str(), &options, &embedder), PANDAGPT_OK);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  const test::TemporaryFolder folder_;
};

// Every kind of input, as a file and out of memory.
TEST_F(CEmbedderTest, RowsAreThoseOfTheCxxInterface) {
  OwnedEmbedder embedder;
  open("media.gguf", embedder);
  const Embedder expected(path("media.gguf"), {.n_threads = 1});
  EXPECT_EQ(pandagpt_embedder_name(embedder), expected.name());
  EXPECT_EQ(pandagpt_embedder_fingerprint(embedder), expected.fingerprint());
  EXPECT_EQ(pandagpt_embedder_dim(embedder), expected.width());
  EXPECT_EQ(pandagpt_embedder_takes_text(embedder), expected.takes_text());
  EXPECT_FALSE(pandagpt_embedder_takes(embedder, 99));
  const std::vector<std::pair<Modality, fs::path>> files{
      {Modality::kImage, kExamples / "picture.png"},
      {Modality::kVideo, kExamples / "rolling_ball.avi"},
      {Modality::kAudio, kExamples / "bell.wav"},
      {Modality::kThermal, kExamples / "thermal_grey.png"},
      {Modality::kDepth, kExamples / "depth_mm.png"},
      {Modality::kImu, kExamples / "walking_imu.csv"}};
  OwnedInputs inputs;
  ASSERT_EQ(pandagpt_inputs_create(&inputs), PANDAGPT_OK);
  Inputs same;
  pandagpt_input_options options;
  ASSERT_EQ(pandagpt_input_options_init(&options, sizeof(options)), PANDAGPT_OK);
  options.weight = 0.25F;
  for (const auto& [modality, file] : files) {
    const int number = static_cast<int>(modality);
    EXPECT_TRUE(pandagpt_embedder_takes(embedder, number));
    ASSERT_EQ(pandagpt_inputs_add_file(inputs, number, file.c_str(), nullptr), PANDAGPT_OK);
    const std::string content = test::read_text(file);
    ASSERT_EQ(
        pandagpt_inputs_add_memory(inputs, number, content.data(), content.size(), "a", &options),
        PANDAGPT_OK);
    same.add_file(modality, file.string());
    same.add_buffer(modality, {content.begin(), content.end()}, "a", 0.25F);
  }
  const std::vector<float> wanted = expected.embed(same);
  std::vector<float> rows(wanted.size());
  ASSERT_EQ(pandagpt_embedder_embed(embedder, inputs, rows.data(), rows.size()), PANDAGPT_OK)
      << pandagpt_last_error();
  EXPECT_EQ(rows, wanted);
  const std::vector<float> direction = expected.combine(same);
  std::vector<float> row(direction.size());
  ASSERT_EQ(pandagpt_embedder_combine(embedder, inputs, row.data(), row.size()), PANDAGPT_OK);
  EXPECT_EQ(row, direction);

  expect_usage_error(pandagpt_embedder_embed(embedder, inputs, rows.data(), rows.size() - 1),
                     "'rows' has room for");
  expect_usage_error(pandagpt_embedder_embed(embedder, inputs, nullptr, rows.size()), "'rows'");
  expect_usage_error(pandagpt_embedder_embed(embedder, nullptr, rows.data(), 1), "'inputs'");
  expect_usage_error(pandagpt_embedder_combine(embedder, inputs, row.data(), 3), "'row' has room");
  OwnedInputs none;
  ASSERT_EQ(pandagpt_inputs_create(&none), PANDAGPT_OK);
  EXPECT_EQ(pandagpt_embedder_embed(embedder, none, nullptr, 0), PANDAGPT_OK);
  expect_usage_error(pandagpt_embedder_combine(embedder, none, row.data(), row.size()), "nothing");
}

TEST_F(CEmbedderTest, SensorOptionsReachTheDecoder) {
  OwnedEmbedder embedder;
  open("media.gguf", embedder);
  const Embedder expected(path("media.gguf"), {.n_threads = 1});
  const fs::path file = kExamples / "depth_mm.png";
  pandagpt_input_options options;
  ASSERT_EQ(pandagpt_input_options_init(&options, sizeof(options)), PANDAGPT_OK);
  options.depth_metres_per_unit = 0.01;
  OwnedInputs inputs;
  ASSERT_EQ(pandagpt_inputs_create(&inputs), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_inputs_add_file(inputs, PANDAGPT_DEPTH, file.c_str(), &options), PANDAGPT_OK);
  Inputs same, plain;
  plain.add_file(Modality::kDepth, file.string());
  same.add_file(Modality::kDepth, file.string()).set_sensor({.depth_metres_per_unit = 0.01});
  std::vector<float> row(static_cast<std::size_t>(expected.width()));
  ASSERT_EQ(pandagpt_embedder_embed(embedder, inputs, row.data(), row.size()), PANDAGPT_OK);
  EXPECT_EQ(row, expected.embed(same));
  EXPECT_NE(row, expected.embed(plain));

  options.depth_metres_per_unit = NAN;
  options.depth_encoding = PANDAGPT_DEPTH_KITTI;
  OwnedInputs encoded;
  ASSERT_EQ(pandagpt_inputs_create(&encoded), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_inputs_add_file(encoded, PANDAGPT_DEPTH, file.c_str(), &options), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_embedder_embed(embedder, encoded, row.data(), row.size()), PANDAGPT_OK);
  EXPECT_EQ(row, expected.embed(same.set_sensor({.depth_encoding = DepthEncoding::kKitti})));
}

TEST_F(CEmbedderTest, EachInputAndTextHasARowOrAnError) {
  OwnedEmbedder media, text;
  open("media.gguf", media);
  open("text.gguf", text);
  OwnedInputs inputs;
  ASSERT_EQ(pandagpt_inputs_create(&inputs), PANDAGPT_OK);
  for (const std::string& photo : {kPhoto, std::string("/nowhere/a.png"), kOtherPhoto})
    ASSERT_EQ(pandagpt_inputs_add_file(inputs, PANDAGPT_IMAGE, photo.c_str(), nullptr),
              PANDAGPT_OK);
  OwnedResults results;
  ASSERT_EQ(pandagpt_embedder_embed_each(media, inputs, &results), PANDAGPT_OK);
  ASSERT_EQ(pandagpt_embed_results_count(results), 3U);
  const Embedder expected(path("media.gguf"), {.n_threads = 1});
  const auto dim = static_cast<std::size_t>(expected.width());
  for (const std::size_t i : {0, 2}) {
    Inputs one;
    one.add_file(Modality::kImage, i == 0 ? kPhoto : kOtherPhoto);
    EXPECT_EQ(pandagpt_embed_results_status(results, i), PANDAGPT_OK);
    EXPECT_STREQ(pandagpt_embed_results_error(results, i), "");
    const float* row = pandagpt_embed_results_row(results, i);
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(std::vector<float>(row, row + dim), expected.embed(one));
  }
  EXPECT_EQ(pandagpt_embed_results_row(results, 1), nullptr);
  EXPECT_EQ(pandagpt_embed_results_status(results, 1), PANDAGPT_ERROR_INPUT);
  EXPECT_THAT(pandagpt_embed_results_error(results, 1), StartsWith("/nowhere/a.png: "));
  EXPECT_EQ(pandagpt_embed_results_row(results, 3), nullptr);
  EXPECT_EQ(pandagpt_embed_results_status(results, 3), PANDAGPT_ERROR_USAGE);
  EXPECT_EQ(pandagpt_embed_results_error(results, 3), nullptr);
  std::vector<float> rows(3 * dim);
  expect_failure(pandagpt_embedder_embed(media, inputs, rows.data(), rows.size()),
                 PANDAGPT_ERROR_INPUT, "/nowhere/a.png");
  expect_usage_error(pandagpt_embedder_embed_each(media, nullptr, &results), "'inputs'");

  const std::string huge(1 << 20, 'x');
  const char* const texts[] = {"a dog", huge.c_str(), ""};
  OwnedResults of_texts;
  ASSERT_EQ(pandagpt_embedder_embed_texts_each(text, texts, 3, &of_texts), PANDAGPT_OK);
  EXPECT_TRUE(pandagpt_embedder_takes_text(text));
  EXPECT_EQ(pandagpt_embed_results_status(of_texts, 1), PANDAGPT_ERROR_INPUT);
  const Embedder expected_text(path("text.gguf"), {.n_threads = 1});
  const std::vector<std::string> good{"a dog", ""};
  const std::vector<float> wanted = expected_text.embed_texts(good);
  const char* const good_texts[] = {"a dog", ""};
  rows.assign(wanted.size(), 0);
  ASSERT_EQ(pandagpt_embedder_embed_texts(text, good_texts, 2, rows.data(), rows.size()),
            PANDAGPT_OK);
  EXPECT_EQ(rows, wanted);
  const float* row = pandagpt_embed_results_row(of_texts, 0);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(std::vector<float>(row, row + wanted.size() / 2),
            std::vector<float>(wanted.begin(), wanted.begin() + std::ssize(wanted) / 2));

  const char* const with_null[] = {"a", nullptr};
  expect_usage_error(pandagpt_embedder_embed_texts(text, with_null, 2, rows.data(), rows.size()),
                     "'texts[]'");
  expect_usage_error(pandagpt_embedder_embed_texts(text, nullptr, 2, rows.data(), rows.size()),
                     "'texts'");
  expect_usage_error(pandagpt_embedder_embed_texts(text, good_texts, 2, rows.data(), 3),
                     "has room for 3");
  expect_usage_error(pandagpt_embedder_embed_texts_each(text, texts, 3, nullptr), "'results'");
  expect_failure(pandagpt_embedder_embed_texts(media, good_texts, 1, rows.data(), rows.size()),
                 PANDAGPT_ERROR_MODEL, "text");
}

TEST_F(CEmbedderTest, WhatCannotBeOpenedIsRefused) {
  pandagpt_embedder* none = nullptr;
  expect_failure(pandagpt_embedder_open("/nowhere.gguf", nullptr, &none), PANDAGPT_ERROR_MODEL,
                 "/nowhere.gguf");
  EXPECT_EQ(none, nullptr);
  expect_usage_error(pandagpt_embedder_open(nullptr, nullptr, &none), "'model'");
  pandagpt_embedder_options options;
  const auto refused = [&](auto change, const std::string& text) {
    ASSERT_EQ(pandagpt_embedder_options_init(&options, sizeof(options)), PANDAGPT_OK);
    change();
    expect_usage_error(pandagpt_embedder_open(path("media.gguf").c_str(), &options, &none), text);
  };
  refused([&] { options.struct_size = 0; }, "the size of 'options' is 0 bytes");
  refused([&] { options.n_threads = -1; }, "threads");
  refused([&] { options.max_batch = 0; }, "max_batch is 0");
  refused([&] { options.device = "no such device"; }, "no such device");
}

}  // namespace
}  // namespace pandagpt
