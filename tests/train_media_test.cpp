// What a training run is fed with: the store of records, features of inputs, sets of conversations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/digest.h"
#include "encoders/encoders.h"
#include "imagebind_fixtures.h"
#include "pipeline/input_encoder.h"
#include "test_support.h"
#include "train/embedding_rows.h"
#include "train/image_views.h"
#include "train/media_features.h"
#include "train/record_store.h"
#include "train/training_set.h"
#include "train_data_support.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::about_picture;
using test::conversation_about;
using test::error_of;
using test::TemporaryFolder;
using test::write_text;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

// ---- records ----

class RecordStoreTest : public testing::Test {
 protected:
  static constexpr std::size_t kPayload = 24;
  static constexpr std::uint64_t kRecord = 32 + 4 + kPayload;

  RecordStore open(std::uint64_t shard_bytes = RecordStore::kShardBytes) const {
    return {folder_.path(), "r", kPayload, shard_bytes};
  }
  static std::vector<std::uint8_t> payload(int i) {
    return std::vector<std::uint8_t>(kPayload, static_cast<std::uint8_t>(i));
  }
  static RecordStore::Key key(int i) { return sha256(std::to_string(i)); }
  static void add(RecordStore& store, int begin, int end) {
    for (int i = begin; i < end; ++i)
      store.add(key(i), payload(i));
  }
  static std::vector<int> found(const RecordStore& store, int n) {
    std::vector<int> all;
    for (int i = 0; i < n; ++i) {
      std::vector<std::uint8_t> bytes(kPayload);
      if (!store.read(key(i), bytes)) continue;
      EXPECT_EQ(bytes, payload(i));
      all.push_back(i);
    }
    return all;
  }
  fs::path shard(int i) const { return folder_ / ("r-000" + std::to_string(i) + ".bin"); }

  const TemporaryFolder folder_;
};

TEST_F(RecordStoreTest, RemembersInSeveralFiles) {
  {
    RecordStore store = open(3 * kRecord);
    add(store, 0, 7);
    store.add(key(3), payload(9));  // is known: stays as it is
    EXPECT_EQ(found(store, 10), (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
  }
  EXPECT_TRUE(fs::exists(shard(2)));
  EXPECT_FALSE(fs::exists(shard(3)));
  RecordStore again = open(3 * kRecord);
  EXPECT_EQ(again.size(), 7U);
  EXPECT_EQ(found(again, 10), (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
  add(again, 7, 9);  // fills the last file
  EXPECT_FALSE(fs::exists(shard(3)));
}

TEST_F(RecordStoreTest, ARecordThatAKillCutOffIsDroppedAndOneThatIsDamagedToo) {
  {
    RecordStore store = open();
    add(store, 0, 4);
  }
  fs::resize_file(shard(0), fs::file_size(shard(0)) - 10);
  {
    RecordStore store = open();
    EXPECT_EQ(found(store, 5), (std::vector<int>{0, 1, 2}));
    add(store, 4, 5);
    EXPECT_EQ(found(store, 5), (std::vector<int>{0, 1, 2, 4}));
  }
  {
    std::fstream file(shard(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(16 + kRecord + 40));  // payload of the second record
    file.put('\x5a');
  }
  RecordStore store = open();
  EXPECT_EQ(found(store, 5), (std::vector<int>{0, 2, 4}));
  store.add(key(1), payload(1));
  EXPECT_EQ(found(open(), 5), (std::vector<int>{0, 1, 2, 4}));
}

TEST_F(RecordStoreTest, TwoWritersHaveAFileEachAndSeeEachOther) {
  RecordStore one = open();
  RecordStore two = open();
  add(one, 0, 2);
  add(two, 2, 4);
  EXPECT_TRUE(fs::exists(shard(1)));
  EXPECT_EQ(found(one, 4), (std::vector<int>{0, 1}));
  one.refresh();
  EXPECT_EQ(found(one, 4), (std::vector<int>{0, 1, 2, 3}));
  add(two, 4, 5);
  one.refresh();
  EXPECT_EQ(found(one, 5).size(), 5U);
  // half a record of a writer at work is neither taken nor cut off
  std::ofstream(shard(1), std::ios::binary | std::ios::app) << "half";
  const auto size = fs::file_size(shard(1));
  RecordStore three = open();
  add(three, 5, 6);
  EXPECT_EQ(fs::file_size(shard(1)), size);
  EXPECT_EQ(found(three, 6).size(), 6U);
}

TEST_F(RecordStoreTest, OtherFilesAreLeftAlone) {
  write_text(shard(0), "something else");
  RecordStore store = open();
  add(store, 0, 1);
  EXPECT_EQ(test::read_text(shard(0)), "something else");
  RecordStore wider(folder_.path(), "r", kPayload + 4);
  EXPECT_EQ(wider.size(), 0U);
  wider.add(key(0), std::vector<std::uint8_t>(kPayload + 4));
  EXPECT_EQ(found(open(), 2), (std::vector<int>{0}));
}

/// Files that this process writes can't grow beyond `bytes`: what a full disk does to them.
class LimitedFiles {
 public:
  explicit LimitedFiles(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~LimitedFiles() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  LimitedFiles(const LimitedFiles&) = delete;
  LimitedFiles& operator=(const LimitedFiles&) = delete;

 private:
  rlimit old_{};
  void (*handler_)(int) = nullptr;
};

TEST_F(RecordStoreTest, AFullDiskIsAnErrorAndLeavesWholeRecords) {
  {
    RecordStore store = open();
    const LimitedFiles limit(16 + 2 * kRecord + 20);
    add(store, 0, 2);
    const Error error = error_of([&] { add(store, 2, 3); });
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
    EXPECT_THAT(error.what(), HasSubstr("can't be written"));
  }
  EXPECT_EQ(fs::file_size(shard(0)), 16 + 2 * kRecord);
  EXPECT_EQ(found(open(), 3), (std::vector<int>{0, 1}));
}

// ---- features ----

class MediaFeaturesTest : public testing::Test {
 protected:
  MediaFeaturesTest() {
    for (const char* name : {"a", "b"})
      fs::copy_file(photo(name[0] - 'a'), folder_ / (name + std::string(".png")));
  }
  static fs::path photo(int i) {
    return kFixtures / "encoders" / ("photo_" + std::to_string(i) + ".png");
  }
  Input picture(const std::string& name) const {
    return {Modality::kImage, (folder_ / name).string(), {}, 1, {}};
  }
  MediaFeatures open(const fs::path& encoders = kFixtures / "tiny-panda" / "encoders.gguf") const {
    return MediaFeatures({encoders, folder_ / "cache"}, {.n_threads = 1});
  }
  /// Features of a.png and b.png in two versions, in this order; empty for an unreadable one.
  std::vector<std::vector<float>> load(MediaFeatures& features) {
    const std::int64_t numbers[] = {features.add(picture("a.png"), 2),
                                    features.add(picture("b.png"), 2)};
    features.encode(alone_);
    std::vector<std::vector<float>> rows;
    for (const std::int64_t input : numbers)
      for (int view = 0; view < 2; ++view) {
        rows.emplace_back();
        if (!features.failure(input).empty()) continue;
        rows.back().resize(static_cast<std::size_t>(features.n_features()));
        features.copy(input, view, rows.back());
      }
    return rows;
  }
  std::uintmax_t cached_bytes() const {
    std::uintmax_t size = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache"))
      if (entry.path().filename().string().starts_with("features-")) size += entry.file_size();
    return size;
  }

  const TemporaryFolder folder_;
  Processes alone_;
};

TEST_F(MediaFeaturesTest, EachContentIsEncodedOnceAndAChangedOneAnew) {
  MediaFeatures first = open();
  const auto rows = load(first);
  const std::uintmax_t size = cached_bytes();
  EXPECT_NE(rows[0], rows[1]) << "the mirror image";
  EXPECT_NE(rows[0], rows[2]);
  {
    MediaFeatures again = open();
    EXPECT_EQ(load(again), rows);
    EXPECT_EQ(cached_bytes(), size);
    EXPECT_EQ(again.content_digest(), first.content_digest());
  }
  fs::copy_file(photo(1), folder_ / "copy.png");  // a content that is known
  MediaFeatures changed = open();
  const std::int64_t copy = changed.add(picture("copy.png"), 2);
  fs::copy_file(photo(2), folder_ / "a.png", fs::copy_options::overwrite_existing);
  const auto now = load(changed);
  EXPECT_GT(cached_bytes(), size);
  EXPECT_LT(cached_bytes(), 2 * size) << "two new records, not four";
  EXPECT_NE(now[0], rows[0]);
  EXPECT_EQ(now[2], rows[2]);
  std::vector<float> row(rows[2].size());
  changed.copy(copy, 0, row);
  EXPECT_EQ(row, rows[2]);
  EXPECT_NE(changed.content_digest(), first.content_digest());
}

TEST_F(MediaFeaturesTest, UnreadableInputsAreNamed) {
  write_text(folder_ / "b.png", "not a picture");
  MediaFeatures features = open();
  const std::int64_t missing = features.add(picture("missing.png"));
  const auto rows = load(features);
  EXPECT_FALSE(rows[0].empty());
  EXPECT_TRUE(rows[2].empty());
  EXPECT_THAT(features.failure(1 + features.add(picture("a.png"))), HasSubstr("b.png"));
  EXPECT_THAT(features.failure(missing), HasSubstr("missing.png"));
}

TEST_F(MediaFeaturesTest, MomentsAreThoseOfTheFirstInputs) {
  MediaFeatures features = open();
  const auto rows = load(features);
  features.add(picture("a.png"));
  const auto moments = features.moments(2);
  for (const std::size_t i : {0, 17}) {
    double mean = 0, square = 0;
    for (const auto& row : rows) {
      mean += row[i] / 4.0;
      square += row[i] * row[i] / 4.0;
    }
    EXPECT_NEAR(moments.mean[i], mean, 1e-5);
    EXPECT_NEAR(moments.deviation[i], std::sqrt(square - mean * mean), 1e-4);
  }
}

// All six kinds through a tiny ImageBind, beside what inference computes.
TEST_F(MediaFeaturesTest, EveryKindIsEncodedAsInferenceDoes) {
  const fs::path encoders = folder_ / "imagebind.gguf";
  test::write_tiny_encoders(encoders);
  const fs::path data = fs::path(PANDAGPT_SOURCE_DIR) / "examples" / "data";
  Inputs inputs;
  inputs.add_file(Modality::kImage, (data / "picture.png").string())
      .add_file(Modality::kVideo, (data / "rolling_ball.avi").string())
      .add_file(Modality::kAudio, (data / "bell.wav").string())
      .add_file(Modality::kThermal, (data / "thermal_grey.png").string())
      .add_file(Modality::kDepth, (data / "depth_mm.png").string())
      .add_file(Modality::kImu, (data / "walking_imu.csv").string());
  MediaFeatures features = open(encoders);
  for (const Input& input : inputs.items())
    features.add(input, 2);
  features.encode(alone_);
  const InputEncoder inference(encoders, {.n_threads = 1}, "tiny");
  const std::vector<float> expected = inference.encode(inputs.items());
  const auto width = static_cast<std::size_t>(features.n_features());
  std::vector<float> row(width);
  for (std::size_t i = 0; i < inputs.items().size(); ++i) {
    const auto number = static_cast<std::int64_t>(i);
    EXPECT_EQ(features.failure(number), "");
    EXPECT_EQ(features.n_views(number), i == 0 ? 2 : 1);
    features.copy(number, 0, row);
    EXPECT_TRUE(std::equal(row.begin(), row.end(), expected.begin() + number * row.size()))
        << to_string(inputs.items()[i].modality);
  }
}

TEST_F(MediaFeaturesTest, RowsOfAFileAreEmbeddingsAsTheyAre) {
  MediaFeatures features = open();
  const auto width = static_cast<std::size_t>(features.n_features());
  std::vector<float> values(3 * width);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i) * 0.5F;
  values.back() = std::numeric_limits<float>::infinity();
  test::write_npy(folder_ / "rows.npy", width, values);
  test::write_npy(folder_ / "narrow.npy", 2, {1, 2});
  const auto row_of = [&](const std::string& file, std::int64_t row) {
    return features.add(picture(input_name({file, row})), 4);
  };
  const std::int64_t second = row_of("rows.npy", 1);
  EXPECT_NE(row_of("rows.npy", 0), second);
  EXPECT_EQ(row_of("rows.npy", 1), second);
  const std::int64_t infinite = row_of("rows.npy", 2), beyond = row_of("rows.npy", 3);
  const std::int64_t narrow = row_of("narrow.npy", 0), missing = row_of("none.npy", 0);
  features.encode(alone_);
  EXPECT_EQ(features.n_views(second), 1);
  std::vector<float> row(width);
  features.copy(second, 0, row);
  EXPECT_TRUE(std::equal(row.begin(), row.end(), values.begin() + row.size()));
  EXPECT_THAT(features.failure(infinite), HasSubstr("row 2 has values that are no finite"));
  EXPECT_THAT(features.failure(beyond), HasSubstr("has 3 rows, so none of number 3"));
  EXPECT_THAT(features.failure(narrow), HasSubstr("is of shape (1, 2)"));
  EXPECT_THAT(features.failure(missing), HasSubstr("none.npy"));
}

// A cache of an earlier version is still good: names of records and of its files are part of a
// format.
TEST_F(MediaFeaturesTest, KeysStayWhatTheyWere) {
  MediaFeatures features = open();
  const std::int64_t input = features.add(picture("a.png"));
  features.encode(alone_);
  std::vector<float> row(static_cast<std::size_t>(features.n_features()));
  features.copy(input, 0, row);
  fs::path file;
  for (const auto& entry : fs::directory_iterator(folder_ / "cache"))
    if (entry.path().filename().string().starts_with("features-")) file = entry.path();
  const std::string name = file.filename().string();
  const RecordStore store(folder_ / "cache", name.substr(0, name.rfind('-')), row.size() * 4);
  std::vector<float> stored(row.size());
  const std::string key = "1\nimage\n" + sha256_file(folder_ / "a.png") + "\n\n0";
  ASSERT_TRUE(store.read(sha256(key), {reinterpret_cast<std::uint8_t*>(stored.data()),
                                       stored.size() * sizeof(float)}));
  EXPECT_EQ(stored, row);
}

TEST_F(MediaFeaturesTest, OtherSensorsAreOtherInputsAndAMissingTowerIsAnError) {
  MediaFeatures features = open();
  Input sound = picture("a.png");
  sound.modality = Modality::kAudio;
  const Error error = error_of([&] { features.add(sound); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), HasSubstr("no audio tower"));
  Input other = picture("a.png");
  const std::int64_t first = features.add(other);
  other.weight = 3;
  EXPECT_EQ(features.add(other), first);
  other.sensor.imu_rate_hz = 3;
  EXPECT_NE(features.add(other), first);
}

TEST(ImageView, IsMirroredOrCutAndAlwaysTheSame) {
  Image image{40, 20, Bytes(40 * 20 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(i % 251);
  EXPECT_EQ(image_view(image, "key", 0).rgb, image.rgb);
  const Image mirrored = image_view(image, "key", 1);
  EXPECT_NE(mirrored.rgb, image.rgb);
  EXPECT_EQ(image_view(mirrored, "key", 1).rgb, image.rgb) << "twice is the picture again";
  for (int view = 2; view < 50; ++view) {
    const Image crop = image_view(image, "key", view);
    EXPECT_EQ(crop.rgb, image_view(image, "key", view).rgb);
    EXPECT_NE(crop.rgb, image_view(image, "other", view).rgb);
    ASSERT_LE(crop.width, image.width);
    ASSERT_LE(crop.height, image.height);
    // a wide picture can't hold the tallest of the drawn boxes whole
    EXPECT_GE(crop.width * crop.height, kMinCropArea * 0.5 * image.width * image.height);
    EXPECT_EQ(crop.rgb.size(), static_cast<std::size_t>(crop.width * crop.height * 3));
  }
}

// ---- sets ----

class TrainingSetTest : public MediaFeaturesTest {
 protected:
  std::unique_ptr<TrainingSet> read(const std::string& content, const DataPart& part = {}) {
    write_text(folder_ / "d.jsonl", content);
    auto set = std::make_unique<TrainingSet>(
        std::make_shared<const ConversationFile>(folder_ / "d.jsonl", folder_.path()), tokenizer_,
        features_, part, 2);
    features_.encode(alone_);
    set->leave_out_unreadable();
    return set;
  }
  static std::vector<std::int64_t> entries(const TrainingSet& set) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = 0; i < set.size(); ++i)
      all.push_back(set.entry(i));
    return all;
  }

  MediaFeatures features_ = open();
  ConversationTokenizer tokenizer_{
      [](std::string_view text) { return std::vector<std::int32_t>(text.begin(), text.end()); },
      {PromptTemplate{}, 1, 1, 100}};
};

TEST_F(TrainingSetTest, BadRecordsAreLeftOutCountedAndListed) {
  write_text(folder_ / "broken.png", "no picture");
  nlohmann::json with_id = nlohmann::json::parse(about_picture("a.png", "What?", "A dog."));
  with_id["id"] = "x1";
  nlohmann::json misnamed = nlohmann::json::parse(about_picture("a.png", "What?", "A dog."));
  misnamed["img"] = "b.png";
  const std::string good = about_picture("b.png", "What?", "A cat.");
  const std::string long_answer = about_picture("b.png", "What?", std::string(200, 'x'));
  const std::string long_question = about_picture("b.png", std::string(200, 'x'), "A cat.");
  const auto set = read(with_id.dump() + "\n" + good + "\n" + misnamed.dump() + "\n" +
                        about_picture("broken.png", "What?", "A.") + "\n" + long_answer + "\n" +
                        long_question + "\n{\"a\": \n" + about_picture("gone.png", "What?", "A.") +
                        "\n" + about_picture("a.png", "What?", "") + "\n");
  EXPECT_THAT(entries(*set), ElementsAre(0, 1, 4));
  EXPECT_THAT(std::vector(set->sources().begin(), set->sources().end()), ElementsAre(0, 1, 1));
  EXPECT_EQ(set->n_cut(), 1);
  std::map<std::int64_t, std::string> reasons;
  for (const LeftOut& one : set->left_out())
    reasons[one.entry] = one.reason;
  ASSERT_EQ(reasons.size(), 6U);
  EXPECT_THAT(reasons[2], HasSubstr("'img' is no key of an input; did you mean 'image'"));
  EXPECT_THAT(reasons[3], HasSubstr("broken.png"));
  EXPECT_THAT(reasons[5], HasSubstr("--max-length"));
  EXPECT_THAT(reasons[6], HasSubstr("not valid JSON"));
  EXPECT_THAT(reasons[7], HasSubstr("gone.png"));
  EXPECT_THAT(reasons[8], HasSubstr("answer is empty"));

  write_left_out({set.get()}, folder_ / "left_out.jsonl");
  EXPECT_THAT(test::read_text(folder_ / "left_out.jsonl"), HasSubstr("\"entry\":8"));
  EXPECT_NO_THROW(set->require_few_left_out(0.7));
  const Error error = error_of([&] { set->require_few_left_out(0.6); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), HasSubstr("6 of 9 conversations"));
  EXPECT_THAT(error.what(), HasSubstr("--max-bad"));
}

// LLaVA's files have many conversations of one id, one after another about the same picture.
TEST_F(TrainingSetTest, AnIdMayBeThereAgain) {
  nlohmann::json first = nlohmann::json::parse(about_picture("a.png", "What?", "A dog."));
  nlohmann::json second = nlohmann::json::parse(about_picture("a.png", "Where?", "Outside."));
  first["id"] = second["id"] = "x1";
  const auto set = read(first.dump() + "\n" + second.dump() + "\n" + first.dump() + "\n");
  EXPECT_THAT(entries(*set), ElementsAre(0, 1, 2));
  EXPECT_THAT(set->left_out(), testing::IsEmpty());
  EXPECT_EQ(set->n_repeated(), 1) << "the third is the first again";
}

TEST_F(TrainingSetTest, StepsAreReadWithTheirFeatures) {
  auto both = conversation_about({{"image", {"a.png", "b.png"}}, {"weights", {{"image", 0.5}}}},
                                 "Which?", "Both.");
  const auto set = read(about_picture("a.png", "What?", "A dog.") + "\n" + both.dump() + "\n" +
                        conversation_about(nlohmann::json::object(), "Who?", "Me.").dump() + "\n");
  EXPECT_THAT(std::vector(set->sources().begin(), set->sources().end()),
              ElementsAre(0, 1, kNoSource));
  const TrainingSet::Loaded loaded = set->load({{2}, {1}});
  EXPECT_EQ(loaded.batch, (Batch{{0}, {1}}));
  EXPECT_EQ(loaded.examples[0].n_inputs, 0);
  EXPECT_EQ(loaded.examples[1].n_inputs, 2);
  FeatureRows rows;
  set->add_features(loaded.examples[1].source, rows, [](std::int64_t) { return 1; });
  EXPECT_THAT(rows.weights, ElementsAre(0.5F, 0.5F));
  const auto width = static_cast<std::size_t>(features_.n_features());
  std::vector<float> expected(width);
  features_.copy(features_.add(picture("b.png")), 1, expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), rows.values.begin() + width));
}

TEST_F(TrainingSetTest, KeptTokensAreThoseOfTheFileAndTakeNoMoreThanTheirMemory) {
  const std::string text = conversation_about(nlohmann::json::object(), "Who?", "Me.").dump();
  const auto set = read(about_picture("a.png", "What?", "A dog.") + "\n" + text + "\n" +
                        about_picture("b.png", "What?", std::string(200, 'x')) + "\n");
  const Batch all = {{0, 2}, {1}};
  const auto expect_equal = [&](const std::vector<Example>& a, const std::vector<Example>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].source, b[i].source);
      EXPECT_EQ(a[i].n_inputs, b[i].n_inputs);
      EXPECT_EQ(a[i].tokens, b[i].tokens);
      EXPECT_EQ(a[i].is_label, b[i].is_label);
      EXPECT_EQ(a[i].is_cut, b[i].is_cut);
    }
  };
  const std::vector<Example> expected = set->load(all).examples;
  TokenMemory plenty(1 << 20);
  set->keep_tokens(plenty);
  const std::uint64_t before = plenty.left();
  expect_equal(set->load(all).examples, expected);
  EXPECT_LT(plenty.left(), before);
  const std::uint64_t after = plenty.left();
  write_text(folder_ / "d.jsonl", "gone");  // isn't read again
  expect_equal(set->load(all).examples, expected);
  EXPECT_EQ(plenty.left(), after) << "each is kept once";

  for (const std::uint64_t bytes : {0, 200, 500}) {  // nothing, or some of them
    write_text(folder_ / "d.jsonl", "");
    const auto small = read(text + "\n" + text + "\n");
    TokenMemory memory(bytes);
    small->keep_tokens(memory);
    const auto first = small->load({{0}, {1}}).examples;
    expect_equal(small->load({{0}, {1}}).examples, first);
    EXPECT_LE(memory.left(), bytes);
    write_text(folder_ / "d.jsonl", "gone");
    if (bytes < 500)
      EXPECT_THAT(error_of([&] { small->load({{0}, {1}}); }).what(), HasSubstr("has changed"));
    else
      expect_equal(small->load({{0}, {1}}).examples, first);
  }
}

TEST_F(TrainingSetTest, ASplitKeepsInputsTogetherWhateverTheOrder) {
  std::string forwards, backwards;
  for (int i = 0; i < 200; ++i) {
    const std::string line =
        conversation_about(nlohmann::json::object(), "Which?", std::to_string(i / 2)).dump() + "\n";
    forwards += line;
    backwards = line + backwards;
  }
  const DataPart train{0.3, false}, validation{0.3, true};
  const auto held = entries(*read(forwards, validation));
  const auto kept = entries(*read(forwards, train));
  EXPECT_EQ(held.size() + kept.size(), 200U);
  EXPECT_GT(held.size(), 30U);
  EXPECT_LT(held.size(), 90U);
  for (const std::int64_t entry : held)
    EXPECT_TRUE(std::ranges::binary_search(held, entry ^ 1)) << "the other one of the same things";
  auto mirrored = entries(*read(backwards, validation));
  for (std::int64_t& entry : mirrored)
    entry = 199 - entry;
  std::ranges::sort(mirrored);
  EXPECT_EQ(mirrored, held);
}

TEST_F(TrainingSetTest, TheDigestTellsOrderAndNumber) {
  const std::string a = about_picture("a.png", "What?", "A dog.") + "\n";
  const std::string b = about_picture("b.png", "What?", "A cat.") + "\n";
  const std::string first = read(a + a + b)->digest();
  EXPECT_EQ(read(a + a + b)->digest(), first);
  EXPECT_NE(read(a + b + a)->digest(), first);
  EXPECT_NE(read(a + a + b + b)->digest(), first);
}

}  // namespace
}  // namespace pandagpt::train
