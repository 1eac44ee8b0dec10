// Lists of inputs -> vectors; zero-shot classification.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "embed/embed_job.h"
#include "embed/item_reader.h"
#include "embed/vector_file.h"
#include "embed/zero_shot.h"
#include "pandagpt/embedder.h"
#include "pipeline/embedding_math.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;
const std::string kEncoders = (kFixtures / "tiny-panda" / "encoders.gguf").string();

std::string photo(int i) {
  return (kFixtures / "encoders" / ("photo_" + std::to_string(i) + ".png")).string();
}

std::vector<nlohmann::json> json_lines(const fs::path& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(ItemReader, ReadsEveryFormOfLineAndNamesFaults) {
  const TemporaryFolder folder;
  write_text(folder / "list",
             "# a comment\n\na.jpg\r\nvideo\tb.bin\ntext\tthe sound of a dog\n"
             R"({"id": "x", "image": "/c.png", "audio": "d.wav", "weights": {"audio": 0.5}})"
             "\nnotes.txt\nsmell\trose\n{\"image\": 3}\n{}\n{\"imagee\": \"a\"}\ntext\t");
  ItemReader reader(folder / "list", "/media");
  std::vector<EmbedItem> items;
  while (const auto item = reader.next())
    items.push_back(*item);
  ASSERT_EQ(items.size(), 10U);
  EXPECT_EQ(items[0].line, 3);
  EXPECT_EQ(items[0].inputs.items().front().name, "/media/a.jpg");
  EXPECT_EQ(items[0].inputs.items().front().modality, Modality::kImage);
  EXPECT_EQ(items[1].inputs.items().front().modality, Modality::kVideo);
  EXPECT_EQ(items[2].text, "the sound of a dog");
  EXPECT_EQ(items[3].id, "x");
  ASSERT_EQ(items[3].inputs.items().size(), 2U);
  EXPECT_EQ(items[3].inputs.items()[0].name, "/media/d.wav");
  EXPECT_EQ(items[3].inputs.items()[0].weight, 0.5F);
  EXPECT_EQ(items[3].inputs.items()[1].name, "/c.png");
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(items[i].fault, "") << i;
  for (std::size_t i = 4; i < items.size(); ++i)
    EXPECT_THAT(items[i].fault, HasSubstr("line " + std::to_string(items[i].line))) << i;
  EXPECT_EQ(error_of([&] { ItemReader(folder / "none", ""); }).kind(), ErrorKind::kInput);
  EXPECT_EQ(error_of([&] { ItemReader(folder.path(), ""); }).kind(), ErrorKind::kInput);
}

TEST(ItemReader, AStepOfTimeStandsForManyItems) {
  const TemporaryFolder folder;
  const std::string log = (kFixtures / "logs" / "ros2_zstd.mcap").string();
  write_text(folder / "list", "depth\t" + log + "#/camera/depth@0-0.5:0.2\n" +  //
                                  "imu\t" + log + "#/imu@:0.25\n" +             //
                                  R"({"id": "heat", "thermal": ")" + log +      //
                                  "#/thermal@0.6:0.1\"}\nimage\t" + log + "#/none@:1\n");
  ItemReader reader(folder / "list", "/");
  std::vector<EmbedItem> items;
  while (const auto item = reader.next())
    items.push_back(*item);
  const std::vector<std::string> expected{log + "#/camera/depth@0",   log + "#/camera/depth@0.2",
                                          log + "#/camera/depth@0.4", log + "#/imu@0-5",
                                          log + "#/imu@0.25-5.25",    log + "#/thermal@0.6",
                                          log + "#/thermal@0.7"};
  ASSERT_EQ(items.size(), expected.size() + 1);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(items[i].fault, "");
    EXPECT_EQ(items[i].inputs.items().front().name, expected[i]);
  }
  EXPECT_EQ(items[2].line, 1);
  EXPECT_EQ(items[2].part, 2);
  EXPECT_EQ(items[3].part, 0);
  EXPECT_EQ(items[2].id, expected[2]);
  EXPECT_EQ(items[6].id, "heat@0.7");
  EXPECT_THAT(items.back().fault, HasSubstr("line 4: "));
  EXPECT_THAT(items.back().fault, HasSubstr("the log has no topic /none"));
}

class EmbedJobTest : public testing::Test {
 protected:
  EmbedJobTest() : embedder_(kEncoders, {.n_threads = 1}) {
    std::string list;
    for (int i = 0; i < 12; ++i)
      list += (i == 5 ? folder_ / "missing.png" : fs::path(photo(i % 5))).string() + "\n";
    write_text(folder_ / "list.txt", list);
  }
  EmbedJobOptions options(const std::string& out) const {
    EmbedJobOptions o;
    o.manifest = folder_ / "list.txt";
    o.out = folder_ / out;
    o.batch_size = 3;
    return o;
  }
  /// (rows, width) of a .npy file, and its header.
  std::pair<std::string, std::vector<float>> read_npy(const fs::path& path) const {
    const std::string bytes = read_text(path);
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    std::vector<float> values((bytes.size() - 128) / sizeof(float));
    std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
    return {bytes.substr(10, 118), values};
  }

  TemporaryFolder folder_;
  Embedder embedder_;
};

TEST_F(EmbedJobTest, WritesARowForEachItemAndNotesTheOneThatFailed) {
  const EmbedJobResult result = run_embed_job(embedder_, options("v.npy"));
  EXPECT_EQ(result.n_embedded, 11);
  EXPECT_EQ(result.n_failed, 1);
  const auto [header, values] = read_npy(folder_ / "v.npy");
  EXPECT_THAT(header, HasSubstr("'shape': (11, " + std::to_string(embedder_.width()) + ")"));
  Inputs inputs;
  for (int i = 0; i < 12; ++i)
    if (i != 5) inputs.add_file(Modality::kImage, photo(i % 5));
  const std::vector<float> expected = embedder_.embed(inputs);
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_NEAR(values[i], expected[i], 1e-5);
  const auto index = json_lines(folder_ / "v.npy.index.jsonl");
  ASSERT_EQ(index.size(), 13U);  // the settings and twelve items
  EXPECT_THAT(index[6]["error"].get<std::string>(), HasSubstr("missing.png"));
  EXPECT_FALSE(fs::exists(folder_ / "v.npy.part"));
  EXPECT_EQ(error_of([&] { run_embed_job(embedder_, options("v.npy")); }).kind(), ErrorKind::kUsage)
      << "a finished file is not overwritten";
}

TEST_F(EmbedJobTest, AStoppedRunGoesOnToTheSameBytes) {
  for (const std::string out : {"v.npy", "v.jsonl"}) {
    run_embed_job(embedder_, options(out));
    const std::string whole = read_text(folder_ / out);
    const std::string index = read_text(folder_ / (out + ".index.jsonl"));
    for (const double share : {0.2, 0.5, 0.77, 0.99}) {
      // what a kill leaves: both files cut anywhere, the index perhaps ahead of the data
      fs::remove(folder_ / out);
      write_text(folder_ / (out + ".part"),
                 whole.substr(0, static_cast<std::size_t>(share * double(whole.size()))));
      const std::size_t settings = index.find('\n') + 1;
      write_text(folder_ / (out + ".index.jsonl.part"),
                 index.substr(0, settings + static_cast<std::size_t>(
                                                share * double(index.size() - settings))));
      const EmbedJobResult result = run_embed_job(embedder_, options(out));
      EXPECT_EQ(result.n_embedded, 11);
      EXPECT_EQ(read_text(folder_ / out).substr(128), whole.substr(128)) << out << share;
      EXPECT_EQ(read_text(folder_ / (out + ".index.jsonl")), index);
    }
  }
}

TEST_F(EmbedJobTest, ShardsTogetherAreTheWhole) {
  std::int64_t n = 0;
  for (int i = 0; i < 3; ++i) {
    EmbedJobOptions o = options(std::to_string(i) + ".jsonl");
    o.shard = {i, 3};
    n += run_embed_job(embedder_, o).n_embedded;
    for (const auto& line : json_lines(o.out))
      EXPECT_EQ((line["line"].get<int>() - 1) % 3, i);
  }
  EXPECT_EQ(n, 11);
  for (const char* bad : {"", "1", "1/", "3/3", "-1/3", "1/0", "a/3", "1/3x", "1 /3"})
    EXPECT_EQ(error_of([&] { parse_shard(bad); }).kind(), ErrorKind::kUsage) << bad;
}

TEST_F(EmbedJobTest, PartsOfAnotherRunAreNotContinued) {
  run_embed_job(embedder_, options("v.npy"));
  fs::rename(folder_ / "v.npy", folder_ / "v.npy.part");
  fs::rename(folder_ / "v.npy.index.jsonl", folder_ / "v.npy.index.jsonl.part");
  EmbedJobOptions other = options("v.npy");
  other.normalize = true;
  EXPECT_EQ(error_of([&] { run_embed_job(embedder_, other); }).kind(), ErrorKind::kUsage);
  other.restart = true;
  EXPECT_EQ(run_embed_job(embedder_, other).n_embedded, 11);
}

TEST(Embedder, CombinesDirectionsWithWeights) {
  const Embedder embedder(kEncoders, {.n_threads = 1});
  const auto width = static_cast<std::size_t>(embedder.width());
  Inputs inputs;
  inputs.add_file(Modality::kImage, photo(0), 2.0F);
  inputs.add_file(Modality::kImage, photo(1), -1.0F);
  const std::vector<float> rows = embedder.embed(inputs);
  const std::vector<float> sum = embedder.combine(inputs);
  const double a = length_of({rows.data(), width});
  const double b = length_of({rows.data() + width, width});
  std::vector<float> expected(width);
  for (std::size_t i = 0; i < width; ++i)
    expected[i] = static_cast<float>(2 * rows[i] / a - rows[width + i] / b);
  bring_to_length_one(expected);
  for (std::size_t i = 0; i < width; ++i)
    EXPECT_NEAR(sum[i], expected[i], 1e-6);
  EXPECT_NEAR(length_of(sum), 1, 1e-6);
  EXPECT_FALSE(embedder.takes_text());
  EXPECT_EQ(error_of([&] { embedder.embed_texts(std::vector<std::string>{"a"}); }).kind(),
            ErrorKind::kModel);
  EXPECT_EQ(error_of([&] { embedder.combine({}); }).kind(), ErrorKind::kUsage);
}

TEST(Labels, AreCutTrimmedAndDistinct) {
  EXPECT_EQ(split_labels(" a dog,cat ,  rain"), (std::vector<std::string>{"a dog", "cat", "rain"}));
  for (const char* bad : {"", "a,,b", "a, a", " , "})
    EXPECT_EQ(error_of([&] { split_labels(bad); }).kind(), ErrorKind::kUsage) << bad;
  const TemporaryFolder folder;
  write_text(folder / "labels", "dog\r\n\n  church bell \n");
  EXPECT_EQ(read_labels((folder / "labels").string()),
            (std::vector<std::string>{"dog", "church bell"}));
  EXPECT_EQ(error_of([&] { read_labels((folder / "none").string()); }).kind(), ErrorKind::kInput);
}

TEST(ClipTemplates, EachHasOneMark) {
  for (const std::string one : clip_templates()) {
    const std::size_t at = one.find(kLabelMark);
    ASSERT_NE(at, std::string::npos) << one;
    EXPECT_EQ(one.find(kLabelMark, at + 1), std::string::npos) << one;
  }
}

}  // namespace
}  // namespace pandagpt
