// What `pandagpt-train bind` reads: lists of pairs, the cache of inputs, views and their changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/file.h"
#include "embed/pairs.h"
#include "encoders/bpe_tokenizer.h"
#include "encoders/encoder_keys.h"
#include "media/audio.h"
#include "preprocess/depth.h"
#include "test_support.h"
#include "train/bind/augment.h"
#include "train/bind/bind_score.h"
#include "train/bind/blob_store.h"
#include "train/bind/bpe_trainer.h"
#include "train/bind/item_cache.h"
#include "train/bind/sample.h"
#include "train/bind/step_order.h"
#include "train/bind/tower_settings.h"

namespace pandagpt::train {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::read_text;
using test::TemporaryFolder;
using test::write_text;
using testing::ElementsAre;
using testing::HasSubstr;

const fs::path kFixtures = PANDAGPT_FIXTURES;

// --- Lists ---------------------------------------------------------------------------------------

class PairReaderTest : public testing::Test {
 protected:
  PairList read(const std::string& name, const std::string& content, Templates templates = {}) {
    write_text(folder_ / name, content);
    return PairReader(inputs_, std::move(templates)).read(folder_ / name);
  }
  std::string error(const std::string& content, const std::string& name = "bad.jsonl") {
    const Error thrown = error_of([&] { read(name, content); });
    EXPECT_EQ(thrown.kind(), ErrorKind::kInput);
    return thrown.what();
  }

  TemporaryFolder folder_;
  InputTable inputs_;
};

TEST_F(PairReaderTest, ReadsLabelsTextsAndGroups) {
  const PairList labels =
      read("a.jsonl",
           R"({"imu": "x.npz#k1", "label": "run", "imu_rate_hz": 50, "acceleration_unit": "g"})"
           "\n\n"
           R"({"imu": "x.npz#k2", "label": "walk"})"
           "\n"
           R"({"imu": "x.npz#k2", "label": "run", "group": "g"})",
           {{TowerKind::kImu, {"a person does {}", "{}!"}}});
  EXPECT_EQ(labels.a, TowerKind::kImu);
  EXPECT_EQ(labels.b, TowerKind::kText);
  EXPECT_THAT(labels.labels, ElementsAre("run", "walk"));
  ASSERT_EQ(labels.pairs.size(), 3U);
  EXPECT_EQ(labels.pairs[0].b, labels.pairs[2].b);
  EXPECT_EQ(labels.pairs[1].a, labels.pairs[2].a);
  EXPECT_EQ(labels.pairs[0].group, -1);
  EXPECT_GE(labels.pairs[2].group, 0);
  EXPECT_THAT(inputs_.texts[labels.pairs[0].b], ElementsAre("a person does run", "run!"));
  const MediaItem& item = inputs_.media[labels.pairs[0].a];
  EXPECT_EQ(item.path, folder_ / "x.npz");
  EXPECT_EQ(item.member, "k1");
  EXPECT_EQ(item.sensor.imu_rate_hz, 50);
  EXPECT_EQ(item.sensor.acceleration_unit, AccelerationUnit::kG);

  const PairList depth =
      read("d.jsonl", R"({"depth": "d.png", "label": "wave", "depth_encoding": "tum"})");
  EXPECT_EQ(inputs_.media[depth.pairs[0].a].sensor.depth_encoding, DepthEncoding::kTum);

  const PairList texts = read("b.jsonl", R"({"text": ["one", "two"], "image": "p.jpg"})");
  EXPECT_EQ(texts.a, TowerKind::kVision);
  EXPECT_FALSE(texts.has_labels());
  EXPECT_THAT(inputs_.texts[texts.pairs[0].b], ElementsAre("one", "two"));
}

TEST_F(PairReaderTest, ReadsTablesAndPairsWithoutText) {
  const PairList list = read("t.tsv",
                             "depth\timu\tgroup\timu_rate_hz\n"
                             "a.png\tb.npy\tc1\t200\r\n"
                             "d.png\te.npy\t\t\n");
  EXPECT_EQ(list.a, TowerKind::kDepth);
  EXPECT_EQ(list.b, TowerKind::kImu);
  ASSERT_EQ(list.pairs.size(), 2U);
  EXPECT_EQ(inputs_.media[list.pairs[0].b].sensor.imu_rate_hz, 200);
  EXPECT_EQ(list.pairs[1].group, -1);
}

TEST_F(PairReaderTest, FaultsNameTheLine) {
  const std::string good = "{\"imu\": \"a.csv\", \"label\": \"x\"}\n";
  EXPECT_THAT(error(good + "{\"imu\": "), HasSubstr("bad.jsonl:2: not valid JSON"));
  EXPECT_THAT(error(good + "[1]"), HasSubstr(":2: not a JSON object"));
  EXPECT_THAT(error("{\"imu\": \"a.csv\"}"), HasSubstr(":1: does not name two senses"));
  EXPECT_THAT(error("{\"imu\": \"a\", \"depth\": \"b\", \"text\": \"c\"}"),
              HasSubstr("does not name two senses"));
  EXPECT_THAT(error("{\"imu\": \"a\", \"label\": \"b\", \"text\": \"c\"}"),
              HasSubstr("both \"text\" and \"label\""));
  EXPECT_THAT(error("{\"imu\": 3, \"label\": \"b\"}"), HasSubstr("\"imu\" must be a text"));
  EXPECT_THAT(error("{\"imu\": \"a\", \"text\": [\"b\", 1]}"),
              HasSubstr("something else than texts"));
  EXPECT_THAT(error("{\"imu\": \"a\", \"text\": []}"), HasSubstr("\"text\" is empty"));
  EXPECT_THAT(error("{\"imu\": \"a\", \"text\": \"b\", \"labels\": \"c\"}"),
              HasSubstr("the key \"labels\" is unknown"));
  EXPECT_THAT(error("{\"imu\": \"a\", \"text\": \"b\", \"acceleration_unit\": \"gal\"}"),
              HasSubstr("\"gal\", not one of g, m/s2, mg"));
  EXPECT_THAT(error("{\"depth\": \"a\", \"text\": \"b\", \"depth_encoding\": \"feet\"}"),
              HasSubstr("\"feet\", not one of 7scenes, auto, "));
  EXPECT_THAT(error("{\"imu\": \"a\", \"text\": \"b\", \"imu_rate_hz\": \"fast\"}"),
              HasSubstr("\"imu_rate_hz\" must be a number"));
  EXPECT_THAT(error(good + "{\"audio\": \"a\", \"label\": \"x\"}"),
              HasSubstr("make a list for each"));
  EXPECT_THAT(error("\n\n"), HasSubstr("holds no pairs"));
  EXPECT_THAT(error("imu\tlabel\na\tb\tc\n", "bad.tsv"), HasSubstr("bad.tsv:2: has 3 cells"));
  EXPECT_EQ(error_of([&] { PairReader(inputs_, {}).read(folder_ / "none"); }).kind(),
            ErrorKind::kInput);
}

TEST(TemplateTest, NeedsASenseAndAPlaceForTheLabel) {
  Templates templates;
  add_template("audio=the sound of a {}", templates);
  EXPECT_THAT(templates[TowerKind::kAudio], ElementsAre("the sound of a {}"));
  for (const char* bad : {"the sound of a {}", "smell=a {}", "audio=a sound"})
    EXPECT_EQ(error_of([&] { add_template(bad, templates); }).kind(), ErrorKind::kUsage);
}

// --- Sizes ---------------------------------------------------------------------------------------

TEST(TowerSettingsTest, TakesGivenSizesAndSmallOnesOtherwise) {
  const TowerSettings settings = tower_settings(
      parse_senses("imu,text"),
      R"({"embedding_length": 32, "towers": {"imu": {"width": 48, "head_count": 4}}})", nullptr);
  EXPECT_EQ(settings.n_embd, 32);
  const TowerConfig& imu = settings.towers.at(TowerKind::kImu);
  EXPECT_EQ(imu.width, 48);
  EXPECT_EQ(imu.n_ff, 192);
  EXPECT_EQ(imu.n_embd, 32);
  EXPECT_EQ(imu.stem, small_tower_config(TowerKind::kImu).stem);
  EXPECT_TRUE(settings.trains(TowerKind::kText));
  EXPECT_FALSE(settings.trains(TowerKind::kVision));
}

TEST(TowerSettingsTest, FaultsNameTheKey) {
  const auto error = [](const std::string& sizes, const std::string& senses = "imu") {
    const Error thrown = error_of([&] { tower_settings(parse_senses(senses), sizes, nullptr); });
    EXPECT_EQ(thrown.kind(), ErrorKind::kUsage);
    return std::string(thrown.what());
  };
  EXPECT_THAT(error("{]"), HasSubstr("no JSON object"));
  EXPECT_THAT(error(R"({"width": 3})"), HasSubstr("\"width\" is unknown"));
  EXPECT_THAT(error(R"({"towers": {"audio": {}}})"), HasSubstr("\"audio\" isn't among"));
  EXPECT_THAT(error(R"({"towers": {"imu": {"widht": 3}}})"), HasSubstr("\"widht\" of imu"));
  EXPECT_THAT(error(R"({"towers": {"imu": {"width": 0}}})"), HasSubstr("\"width\" must be"));
  EXPECT_THAT(error(R"({"towers": {"imu": {"width": 10, "head_count": 4}}})"),
              HasSubstr("no multiple of 4 heads"));
  EXPECT_THAT(error(R"({"towers": {"imu": {"kernel": [1, 1, 900]}}})"),
              HasSubstr("larger than the input"));
  EXPECT_THAT(error("", "imu,smell"), HasSubstr("\"smell\""));
  EXPECT_THAT(error("", "imu,imu"), HasSubstr("\"imu\""));
}

// --- Cache ---------------------------------------------------------------------------------------

Bytes bytes(const std::string& text) {
  return {text.begin(), text.end()};
}

TEST(BlobStoreTest, KeepsRecordsAndDropsACutTail) {
  const TemporaryFolder folder;
  const fs::path path = folder / "inputs.bin";
  std::uintmax_t size_of_one = 0;
  {
    BlobStore store(path);
    store.put("first", bytes("hello"));
    size_of_one = fs::file_size(path);
    store.put("second", bytes(std::string(1000, 'x')));
    EXPECT_EQ(store.get("first"), bytes("hello"));
  }
  fs::resize_file(path, fs::file_size(path) - 1);
  {
    BlobStore store(path);
    EXPECT_TRUE(store.has("first"));
    EXPECT_FALSE(store.has("second"));
    EXPECT_EQ(fs::file_size(path), size_of_one);
    store.put("second", bytes("again"));
  }
  std::string damaged = read_text(path);
  damaged[size_of_one + 20] ^= 1;
  write_text(path, damaged);
  BlobStore store(path);
  EXPECT_EQ(store.get("first"), bytes("hello"));
  EXPECT_FALSE(store.has("second"));
}

TEST(BlobStoreTest, RefusesOtherFilesAndASecondWriter) {
  const TemporaryFolder folder;
  write_text(folder / "other", "something else entirely");
  EXPECT_THAT(error_of([&] { BlobStore(folder / "other"); }).what(),
              HasSubstr("is not a cache of this program"));
  EXPECT_EQ(read_text(folder / "other"), "something else entirely");
  const BlobStore first(folder / "inputs.bin");
  EXPECT_THAT(error_of([&] { BlobStore(folder / "inputs.bin"); }).what(),
              HasSubstr("another run uses it"));
}

TEST(ItemCacheTest, ComputesEachContentOnceAndListsFailures) {
  const TemporaryFolder folder;
  write_text(folder / "a", "one");
  write_text(folder / "b", "one");
  write_text(folder / "c", "bad");
  InputTable inputs;
  std::vector<std::int64_t> items;
  for (const char* name : {"a", "b", "c", "missing"})
    items.push_back(inputs.add(MediaItem{TowerKind::kImu, folder / name}));
  BlobStore store(folder / "inputs.bin");
  for (const int expected_calls : {1, 0}) {
    int calls = 0;
    FailedItems failed;
    ItemCache cache(store, inputs, "upper v1");
    cache.fill(
        items,
        [&](const MediaItem& item, const Bytes& content) {
          if (content == bytes("bad")) throw Error(ErrorKind::kInput, item.name() + ": bad");
          ++calls;
          return bytes("ONE");
        },
        1, failed);
    EXPECT_EQ(calls, expected_calls);
    EXPECT_EQ(cache.get(items[1]), bytes("ONE"));
    EXPECT_EQ(failed.items, (std::set<std::int64_t>{items[2], items[3]}));
    EXPECT_EQ(failed.reasons.size(), 2U);
  }
}

// --- Samples and views ---------------------------------------------------------------------------

/// Six sines, `seconds` long.
ImuRecording sines(double seconds, double rate_hz = 50) {
  ImuRecording recording;
  recording.name = "sines";
  recording.step_seconds = 1 / rate_hz;
  for (int i = 0; i < static_cast<int>(seconds * rate_hz); ++i) {
    const double time = i / rate_hz;
    recording.seconds.push_back(time);
    auto& sample = recording.samples.emplace_back();
    for (int channel = 0; channel < kImuChannels; ++channel)
      sample[channel] = static_cast<float>((channel == 2 ? 9.8 : 0) + std::sin(5 * time + channel));
  }
  return recording;
}

MediaItem item_of(TowerKind tower, const std::string& file) {
  return {tower, kFixtures / file};
}

TowerConfig config_with(TowerKind tower, const StemConfig& stem) {
  TowerConfig config = small_tower_config(tower);
  config.stem = stem;
  return config;
}

const std::pair<MediaItem, TowerConfig>& sample_case(int index) {
  static const std::vector<std::pair<MediaItem, TowerConfig>> cases = {
      {item_of(TowerKind::kAudio, "audio/pcm_16.wav"), small_tower_config(TowerKind::kAudio)},
      {item_of(TowerKind::kThermal, "sensors/thermal_grey.png"),
       config_with(TowerKind::kThermal, {1, {1, 24, 24}, {1, 8, 8}, {1, 8, 8}})},
      {item_of(TowerKind::kDepth, "sensors/depth_mm.png"),
       config_with(TowerKind::kDepth, {1, {1, 24, 24}, {1, 8, 8}, {1, 8, 8}})},
      {item_of(TowerKind::kImu, "sensors/imu_si.csv"), small_tower_config(TowerKind::kImu)},
      {item_of(TowerKind::kVision, "encoders/photo_1.png"),
       config_with(TowerKind::kVision, {3, {2, 24, 24}, {2, 8, 8}, {2, 8, 8}})}};
  return cases[index];
}

class SampleTest : public testing::TestWithParam<int> {
 protected:
  SampleTest()
      : item_(sample_case(GetParam()).first),
        config_(sample_case(GetParam()).second),
        transforms_(transforms_for(config_, {.size = config_.stem.input.height})) {
    content_ = MediaItemReader().read(item_);
    sample_ = decode_sample(item_, content_, transforms_);
  }

  std::vector<float> view(const Sample& sample, double strength, std::uint64_t seed) const {
    Random random(seed);
    return training_view(sample, item_.tower, transforms_, strength, random);
  }

  MediaItem item_;
  TowerConfig config_;
  MediaTransforms transforms_;
  Bytes content_;
  Sample sample_;
};

TEST_P(SampleTest, PackingKeepsIt) {
  const Sample again = unpack(pack(sample_));
  const auto a = view(sample_, 0, 1);
  const auto b = view(again, 0, 1);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], 0.01F * (1 + std::fabs(a[i])));  // 16 bits
  Bytes cut = pack(sample_);
  cut.resize(3);
  EXPECT_EQ(error_of([&] { unpack(cut); }).kind(), ErrorKind::kInternal);
}

// Trained on what inference will feed: without changes, one of inference's views (of a sound that
// is longer than a clip another part of it).
TEST_P(SampleTest, UnchangedViewsAreInferences) {
  const MediaTensor inference = inference_views(item_, content_, transforms_);
  const auto trained = view(sample_, 0, 1);
  ASSERT_EQ(trained.size() * inference.n_views, inference.values.size());
  const std::size_t frames = config_.stem.input.frames;
  ASSERT_EQ(trained.size() * (item_.tower == TowerKind::kVision ? frames : 1),
            static_cast<std::size_t>(config_.stem.input_length()));
  if (item_.tower == TowerKind::kAudio) return;
  double worst = 0;
  for (std::size_t i = 0; i < trained.size(); ++i)
    worst = std::max(worst, std::fabs(double{trained[i]} - inference.values[i]));
  // Pictures much larger than the tower's input were made smaller in two steps.
  const bool in_two_steps = item_.tower == TowerKind::kVision || item_.tower == TowerKind::kThermal;
  EXPECT_LT(worst, in_two_steps ? 0.5 : 1e-6);
}

TEST_P(SampleTest, ChangesAreAFunctionOfTheSeed) {
  const auto first = view(sample_, 1, 5);
  EXPECT_EQ(first, view(sample_, 1, 5));
  EXPECT_NE(first, view(sample_, 1, 6));
  EXPECT_TRUE(std::ranges::all_of(first, [](float value) { return std::isfinite(value); }));
}

INSTANTIATE_TEST_SUITE_P(Senses, SampleTest, testing::Range(0, 5), [](const auto& one) {
  return tower_name(sample_case(one.param).first.tower);
});

TEST(SoundViewTest, AShortSoundIsInferencesClip) {
  Audio audio{.name = "tone", .sample_rate = 16000, .channels = 1, .samples = {}};
  for (int i = 0; i < 16000; ++i)
    audio.samples.push_back(0.3F * static_cast<float>(std::sin(0.1 * i)));
  const SoundSample sound{sound_energies(audio)};
  Random random(1);
  const auto view = training_view(sound, TowerKind::kAudio, {}, 0, random);
  const auto inference = audio_tensor(audio);  // three times the same clip
  double worst = 0;
  for (std::size_t i = 0; i < view.size(); ++i)
    worst = std::max(worst, std::fabs(double{view[i]} - inference[i]));
  EXPECT_LT(worst, 0.01);
}

TEST(SoundViewTest, MixingAddsPower) {
  const AudioTransform& how = kImageBindAudio;
  const auto normalised = [&](float energy) { return (energy - how.mean) / how.std; };
  const std::vector<float> a{normalised(std::log(3.0F))};
  const std::vector<float> b{normalised(std::log(1.0F))};
  EXPECT_NEAR(mixed_view(a, b, 0.75F, TowerKind::kAudio)[0], normalised(std::log(2.5F)), 1e-5);
  EXPECT_NEAR(mixed_view(a, b, 0.75F, TowerKind::kDepth)[0], 0.75F * a[0] + 0.25F * b[0], 1e-6);
}

TEST(AugmentTest, RecordingsStayWithinTheirBounds) {
  const ImuRecording recording = sines(4);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const ImuRecording changed = augmented(recording, 1, random);
    const double longest = 4 * 1.25 * 1.2;
    ASSERT_GE(changed.duration(), kShortestImuSeconds - 1e-9);
    ASSERT_LE(changed.duration(), longest);
    ASSERT_TRUE(std::ranges::is_sorted(changed.seconds));
    ASSERT_GE(changed.seconds.front(), 0);
    double gravity = 0;
    for (const auto& sample : changed.samples) {
      const double length = std::hypot(sample[0], sample[1], sample[2]);
      gravity += length / static_cast<double>(changed.samples.size());
      // scaled by at most 1.15 * 1.05, five deviations of the noise
      ASSERT_LE(length, (9.8 + std::sqrt(3.0)) * 1.15 * 1.05 + 5 * 0.1 * std::sqrt(3.0));
    }
    ASSERT_GT(gravity, 9.8 / (1.15 * 1.05) * 0.95);
  }
}

TEST(AugmentTest, AShortRecordingStaysLongEnough) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    EXPECT_NO_THROW(imu_clips(augmented(sines(1.05), 2, random)));
  }
}

TEST(AugmentTest, MasksAreBandsAndSpansOfSilence) {
  constexpr int kBins = 128;
  constexpr int kFrames = 198;
  constexpr float kSilence = -4;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<float> energies(kBins * kFrames, 2.0F);
    Random random(seed);
    augment_energies(energies, kBins, kSilence, 1, random);
    const auto masked = std::ranges::count(energies, kSilence);
    EXPECT_LE(masked, 2 * 20 * kFrames + 2 * 30 * kBins);
    for (const float value : energies)
      ASSERT_TRUE(value == kSilence || std::fabs(value - 2.0F) <= 1.39F) << value;  // 6 dB
  }
}

TEST(AugmentTest, PicturesAndMapsKeepTheirRange) {
  Image image{40, 30, Bytes(40 * 30 * 3, 200)};
  FloatPlane plane{40, 30, std::vector<float>(40 * 30, 0.5F)};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const Image cropped = augmented(image, 1, random);
    EXPECT_GE(cropped.width * cropped.height, 0.35 * 40 * 30);
    EXPECT_LE(cropped.width, 40);
    EXPECT_EQ(cropped.rgb.size(), std::size_t(cropped.width) * cropped.height * 3);
    const FloatPlane nearer = augmented(plane, 1, random);
    for (const float value : nearer.values)
      ASSERT_TRUE(value >= 0.5F / 1.1501F && value <= 0.5F * 1.1501F);
  }
  Random random(1);
  EXPECT_EQ(augmented(image, 0, random).rgb, image.rgb);
}

// --- Order, tokens, figures ----------------------------------------------------------------------

TEST(StepOrderTest, EveryPassHasEveryPairAndListsHaveTheirShares) {
  constexpr std::int64_t kBatch = 4;
  StepOrder order({10, 3}, {0.75, 0.25}, kBatch, 1);
  std::vector<std::int64_t> seen;
  int of_second = 0;
  for (std::int64_t step = 0; step < 2000; ++step) {
    const StepOrder::Step now = order.at(step);
    if (now.list == 0) {
      seen.insert(seen.end(), now.pairs.begin(), now.pairs.end());
    } else {
      ++of_second;
      EXPECT_EQ(std::set<std::int64_t>(now.pairs.begin(), now.pairs.end()).size(), 3U);
    }
  }
  EXPECT_NEAR(of_second / 2000.0, 0.25, 0.04);
  for (std::size_t pass = 0; pass + 10 <= seen.size(); pass += 10) {
    const std::set<std::int64_t> distinct(seen.begin() + pass, seen.begin() + pass + 10);
    ASSERT_EQ(distinct.size(), 10U);
  }
}

TEST(StepOrderTest, ALaterStartGoesOnTheSame) {
  StepOrder whole({50, 20}, {0.5, 0.5}, 7, 3);
  StepOrder resumed({50, 20}, {0.5, 0.5}, 7, 3);
  for (std::int64_t step = 0; step < 60; ++step) {
    const auto expected = whole.at(step);
    if (step < 37) continue;
    const auto actual = resumed.at(step);
    EXPECT_EQ(actual.list, expected.list);
    EXPECT_EQ(actual.pairs, expected.pairs);
  }
}

TEST(LearnMergesTest, CommonWordsBecomeOneToken) {
  const std::vector<std::string> texts = {"the dog runs", "the dog sits", "the cat runs", "a bird"};
  const std::vector<std::string> merges = learn_merges(texts, 100);
  const BpeTokenizer tokenizer(merges, 16);
  EXPECT_EQ(tokenizer.encode("the dog runs").size(), 3U);
  EXPECT_GT(tokenizer.encode("bird").size(), 1U);  // occurs once
  EXPECT_EQ(learn_merges(texts, 3).size(), 3U);
  EXPECT_EQ(learn_merges(texts, 3), std::vector<std::string>(merges.begin(), merges.begin() + 3));
  EXPECT_TRUE(learn_merges({}, 5).empty());
}

TEST(RecallTest, CountsQueriesThatFindOneOfTheirOwn) {
  const auto similarity = torch::tensor({{0.9, 0.1, 0.5}, {0.2, 0.8, 0.9}, {0.3, 0.2, 0.1}});
  const std::vector<std::vector<std::int64_t>> right = {{0}, {1}, {2, 1}};
  EXPECT_DOUBLE_EQ(recall_at(similarity, right, 1), 1.0 / 3);
  EXPECT_DOUBLE_EQ(recall_at(similarity, right, 2), 1.0);
  EXPECT_DOUBLE_EQ(recall_at(similarity, right, 10), 1.0);
}

}  // namespace
}  // namespace pandagpt::train
