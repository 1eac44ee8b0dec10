// Sound: decoding against libsndfile, tensors against the reference's loader, bad files.
#include "media/audio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <sstream>
#include <string_view>

#include "media/media_input.h"
#include "pandagpt/error.h"
#include "preprocess/audio.h"
#include "preprocess/audio_resample.h"
#include "preprocess/clip_sampler.h"
#include "preprocess/fbank.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const fs::path kFolder = fs::path(PANDAGPT_FIXTURES) / "audio";

const nlohmann::json& manifest() {
  static const nlohmann::json content =
      nlohmann::json::parse(std::ifstream(kFolder / "manifest.json"));
  return content;
}

const GgufFile& expected() {
  static const GgufFile file(kFolder / "expected.gguf");
  return file;
}

float largest_difference(std::span<const float> actual, std::span<const float> wanted) {
  EXPECT_EQ(actual.size(), wanted.size());
  float largest = 0;
  for (std::size_t i = 0; i < std::min(actual.size(), wanted.size()); ++i)
    largest = std::max(largest, std::fabs(actual[i] - wanted[i]));
  return largest;
}

std::vector<float> picked(const std::vector<float>& values, std::size_t step) {
  std::vector<float> out;
  for (std::size_t i = 0; i < values.size(); i += step)
    out.push_back(values[i]);
  return out;
}

// --- The sounds of tools/reference/make_audio_fixtures.py ----------------------------------------

double speech(double t) {
  const double phase = 2 * std::numbers::pi * (120 * t + 0.4 * std::sin(6 * std::numbers::pi * t));
  double sound = 0;
  for (int harmonic = 1; harmonic < 26; ++harmonic) {
    double weight = 0.02 / harmonic;
    for (const double formant : {700.0, 1220.0, 2600.0})
      weight += std::exp(-std::pow((120 * harmonic - formant) / 120, 2));
    sound += weight * std::sin(harmonic * phase);
  }
  return 0.05 * sound * (0.6 + 0.4 * std::sin(2 * std::numbers::pi * 1.3 * t));
}

double music(double t) {
  double sound = 0;
  for (const double frequency : {220.0, 277.18, 329.63, 440.0, 880.0})
    sound += std::sin(2 * std::numbers::pi * frequency * t);
  return 0.15 * sound * std::exp(-2 * (t - std::floor(t)));
}

Audio make_sound(const std::string& kind, int rate, std::int64_t frames, int channels) {
  Audio audio{"sound", rate, channels, std::vector<float>(std::size_t(frames) * channels)};
  for (int channel = 0; channel < channels; ++channel) {
    std::uint32_t state = static_cast<std::uint32_t>(channel) + 1;
    for (std::int64_t i = 0; i < frames; ++i) {
      state = state * 1664525 + 1013904223;
      const double noise = (state >> 8) / 8388608.0 - 1.0;
      const double t = static_cast<double>(i) / rate + 0.1 * channel;
      double value = 0;
      if (kind == "speech") value = speech(t) + 0.002 * noise;
      if (kind == "music") value = music(t);
      if (kind == "noise") value = 0.1 * noise;
      if (kind == "constant") value = 0.25 + 0.125 * channel;
      const double level = std::floor(value * 32767 + 0.5);
      audio.samples[std::size_t(i) * channels + channel] = static_cast<float>(level / 32768);
    }
  }
  return audio;
}

// --- Tensors -----------------------------------------------------------------------------------

// A case of the manifest's "tensors".
class EverySound : public testing::TestWithParam<nlohmann::json> {
 protected:
  const nlohmann::json& entry() const { return GetParam(); }
  Audio sound() const {
    return make_sound(entry()["kind"], entry()["rate"], entry()["frames"], entry()["channels"]);
  }
};

TEST_P(EverySound, IsResampledAsTorchaudioDoes) {
  const Audio audio = sound();
  const AudioResampler resampler(audio.sample_rate, kImageBindAudio.sample_rate);
  const std::int64_t frames = resampler.output_frames(audio.frames());
  EXPECT_EQ(frames, entry()["resampled_frames"]);
  const auto last = resampler.resample(audio, audio.channels - 1, 0, frames);
  EXPECT_LT(
      largest_difference(picked(last, manifest()["resampled_step"]),
                         expected().read_f32(entry()["name"].get<std::string>() + ".resampled")),
      2e-7F);
  // A part of the result is the same as the whole.
  const auto part = resampler.resample(audio, audio.channels - 1, frames / 3, frames / 4);
  EXPECT_TRUE(std::ranges::equal(part, std::span(last).subspan(frames / 3, frames / 4)));
}

// The tensor is (log energy + 4.268) / 9.138. torchaudio's own float32 rounding, seen by running it
// in double, is up to 2e-3 of a log energy just above the floor, 2e-4 here.
TEST_P(EverySound, GivesTheReferencesTensor) {
  const std::vector<float> tensor = audio_tensor(sound());
  EXPECT_EQ(tensor.size(), std::size_t(3) * 128 * 204);
  EXPECT_LT(largest_difference(picked(tensor, manifest()["tensor_step"]),
                               expected().read_f32(entry()["name"].get<std::string>() + ".tensor")),
            1e-3F);
}

INSTANTIATE_TEST_SUITE_P(Audio, EverySound, testing::ValuesIn(manifest()["tensors"]),
                         [](const auto& test) {
                           return test.param["name"].template get<std::string>();
                         });

TEST(Fbank, IsTorchaudios) {
  const Fbank fbank(16000, 128);
  const Audio audio = make_sound("speech", 16000, 16000, 1);
  EXPECT_EQ(fbank.window(), 400);
  EXPECT_EQ(fbank.frames(16000), 98);
  EXPECT_EQ(fbank.frames(399), 0);
  const std::vector<float> energies = fbank.compute(audio.samples);
  EXPECT_LT(largest_difference(energies, expected().read_f32("fbank", {128, 98})), 1e-3F);
}

TEST(Fbank, OfSilenceIsTheFloor) {
  const std::vector<float> energies = Fbank(16000, 128).compute(std::vector<float>(800));
  for (const float energy : energies)
    EXPECT_FLOAT_EQ(energy, std::log(std::numeric_limits<float>::epsilon()));
}

TEST(Fbank, RefusesWhatItCannotDo) {
  EXPECT_THROW(Fbank(30, 128), Error);
  EXPECT_THROW(Fbank(16000, 3), Error);
  EXPECT_THROW(Fbank(16000, 128).compute(std::vector<float>(399)), Error);
}

TEST(Clips, AreThoseOfPytorchvideoBitByBit) {
  for (const auto& entry : manifest()["clips"]) {
    const double duration = entry["duration"];
    const int seconds = entry["clip_seconds"];
    const int n_clips = entry["n_clips"];
    const std::vector<Clip> clips = sample_clips(duration, seconds, n_clips);
    const auto offsets = sample_clip_offsets(duration, seconds, n_clips, 16000);
    ASSERT_EQ(clips.size(), entry["start"].size());
    for (std::size_t i = 0; i < clips.size(); ++i) {
      EXPECT_EQ(clips[i].start, entry["start"][i].get<double>()) << entry["duration"];
      EXPECT_EQ(clips[i].end, entry["end"][i].get<double>()) << entry["duration"];
      EXPECT_EQ(offsets[i], entry["offset_16000"][i]) << entry["duration"];
      EXPECT_EQ(offsets[i] + seconds * 16000, entry["offset_end_16000"][i]);
    }
  }
}

TEST(Clips, RefuseWhatIsNotATime) {
  EXPECT_THROW(sample_clips(-1, 2, 3), Error);
  EXPECT_THROW(sample_clips(std::nan(""), 2, 3), Error);
  EXPECT_THROW(sample_clips(10, 2, 0), Error);
  EXPECT_THROW(sample_clips(10, 0, 3), Error);
  EXPECT_THROW(sample_clip_offsets(10, 2, 3, 0), Error);
}

TEST(AudioTensor, OfLessThanOneFrameIsRefused) {
  const Error error = error_of([] { audio_tensor(make_sound("speech", 16000, 399, 1)); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), AllOf(StartsWith("sound: "), HasSubstr("25 ms")));
}

// --- Decoding ----------------------------------------------------------------------------------

fs::path file_of(const nlohmann::json& entry) {
  return kFolder / entry["file"].get<std::string>();
}

TEST(Decoding, GivesLibsndfilesSamples) {
  int compared = 0;
  for (const auto& entry : manifest()["files"]) {
    if (entry.contains("lossy_copy_of")) continue;
    SCOPED_TRACE(entry["file"]);
    const Audio audio = load_audio(file_of(entry));
    EXPECT_EQ(audio.sample_rate, entry["rate"]);
    EXPECT_EQ(audio.channels, entry["channels"]);
    EXPECT_EQ(audio.name, file_of(entry).string());
    EXPECT_LE(largest_difference(audio.samples, expected().read_f32(entry["file"])),
              entry.value("tolerance", 0.0F));
    ++compared;
  }
  EXPECT_GE(compared, 11);
}

// The offset of the encoder's padding is right too: a shifted copy would not correlate so well.
TEST(Decoding, OfLossyFilesSoundsLikeTheOriginal) {
  for (const auto& entry : manifest()["files"]) {
    if (!entry.contains("lossy_copy_of")) continue;
    SCOPED_TRACE(entry["file"]);
    const Audio audio = load_audio(file_of(entry));
    EXPECT_EQ(audio.sample_rate, entry["rate"]);
    EXPECT_EQ(audio.channels, 1);
    EXPECT_NEAR(audio.seconds(), 0.4, 0.07);  // the last block may be padded
    const Audio original = make_sound(entry["lossy_copy_of"], audio.sample_rate,
                                      std::int64_t(0.35 * audio.sample_rate), 1);
    double product = 0;
    double energy = 0;
    double original_energy = 0;
    for (std::size_t i = 0; i < original.samples.size(); ++i) {
      product += double(audio.samples[i]) * original.samples[i];
      energy += double(audio.samples[i]) * audio.samples[i];
      original_energy += double(original.samples[i]) * original.samples[i];
    }
    EXPECT_GT(product / std::sqrt(energy * original_energy), 0.98);
  }
}

// None of the files is damaged, so none may be called so.
TEST(Decoding, OfWholeFilesWarnsOfNothing) {
  std::ostringstream log;
  const auto usual = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  for (const auto& entry : manifest()["files"])
    load_audio(file_of(entry));
  spdlog::set_default_logger(usual);
  EXPECT_EQ(log.str(), "");
}

class EveryFile : public testing::TestWithParam<nlohmann::json> {
 protected:
  fs::path path() const { return file_of(GetParam()); }
};

TEST_P(EveryFile, IsTheSameFromMemory) {
  const Bytes bytes = read_file(path(), 1 << 20);
  const Audio audio = decode_audio(bytes, "buffer");
  EXPECT_EQ(audio.name, "buffer");
  EXPECT_EQ(audio.samples, load_audio(path()).samples);
}

// Cut anywhere, a file gives what is left of it or one clear line; never a crash.
TEST_P(EveryFile, CutShortIsReadOrRefused) {
  const Bytes whole = read_file(path(), 1 << 20);
  for (std::size_t tenth = 0; tenth < 10; ++tenth) {
    const ByteView part = ByteView(whole).first(whole.size() * tenth / 10);
    try {
      EXPECT_GT(decode_audio(part, "part").frames(), 0);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      EXPECT_THAT(error.what(), StartsWith("part: "));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Audio, EveryFile, testing::ValuesIn(manifest()["files"]),
                         [](const auto& test) {
                           auto name = test.param["file"].template get<std::string>();
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

// A WAV file whose header says what it likes.
struct WavHeader {
  std::uint16_t format = 3;  // IEEE float
  std::uint16_t channels = 1;
  std::uint32_t rate = 16000;
  std::uint16_t bits = 32;
  std::uint32_t announced_bytes = 0;  // of samples; 0: those that are there
};

Bytes make_wav(const WavHeader& header, const std::vector<float>& samples) {
  Bytes out;
  const auto text = [&](std::string_view word) {
    for (const char letter : word)
      out.push_back(static_cast<std::uint8_t>(letter));
  };
  const auto number = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i)
      out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  const auto size = static_cast<std::uint32_t>(samples.size() * sizeof(float));
  const std::uint32_t announced = header.announced_bytes != 0 ? header.announced_bytes : size;
  const std::uint32_t block = std::uint32_t{header.channels} * header.bits / 8;
  text("RIFF"), number(announced + 36, 4), text("WAVE"), text("fmt "), number(16, 4);
  number(header.format, 2), number(header.channels, 2), number(header.rate, 4);
  number(header.rate * block, 4), number(block & 0xFFFF, 2), number(header.bits, 2);
  text("data"), number(announced, 4);
  out.resize(out.size() + size);
  if (size > 0) std::memcpy(out.data() + out.size() - size, samples.data(), size);
  return out;
}

std::string refusal(ByteView bytes, const AudioLimits& limits = {}) {
  const Error error = error_of([&] { decode_audio(bytes, "sound.wav", limits); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_THAT(error.what(), StartsWith("sound.wav: "));
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
  return error.what();
}

std::string refusal(const std::string& text) {
  return refusal(Bytes(text.begin(), text.end()));
}

TEST(BadSound, NotANumber) {
  std::vector<float> samples(4000, 0.1F);
  samples[1234] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal(make_wav({}, samples)), HasSubstr("sample 1234 of channel 0"));
  samples[1234] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(refusal(make_wav({.channels = 2}, samples)), HasSubstr("sample 617 of channel 0"));
}

TEST(BadSound, HeadersThatCannotBe) {
  const std::vector<float> samples(4000, 0.1F);
  EXPECT_THAT(refusal(make_wav({.rate = 0}, samples)), HasSubstr("sample rate: 0"));
  EXPECT_THAT(refusal(make_wav({.rate = 2'000'000'000}, samples)), HasSubstr("sample rate"));
  EXPECT_THAT(refusal(make_wav({.rate = 900'000}, samples)), HasSubstr("768000 Hz"));
  EXPECT_THAT(refusal(make_wav({.channels = 0}, samples)), HasSubstr("no sound"));
  EXPECT_THAT(refusal(make_wav({.channels = 500}, samples)),
              HasSubstr("500 channels are more than the limit of 64"));
  refusal(make_wav({.channels = 65535}, samples));
}

TEST(BadSound, TooLongIsRefusedFromTheHeader) {
  const std::vector<float> samples(4000, 0.1F);
  const Bytes wav = make_wav({}, samples);
  EXPECT_THAT(refusal(wav, {.max_seconds = 0.2}), HasSubstr("longer than the limit of 0.2 s"));
  EXPECT_THAT(refusal(wav, {.max_samples = 3999}), HasSubstr("million samples"));
  EXPECT_EQ(decode_audio(wav, "sound.wav", {.max_samples = 4000}).frames(), 4000);
}

// What the header announces isn't there: the rest is used.
TEST(BadSound, ShorterThanItsHeaderIsUsed) {
  const Bytes wav = make_wav({.announced_bytes = 1'000'000}, std::vector<float>(4000, 0.1F));
  EXPECT_EQ(decode_audio(wav, "sound.wav").frames(), 4000);
}

TEST(BadSound, WhatIsNotSound) {
  refusal("");
  refusal(std::string(100, '\0'));
  EXPECT_THAT(refusal("This is a text file whose name ends in .mp3.\n"), HasSubstr("MP3"));
  refusal("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/a.ts\n#EXT-X-ENDLIST\n");
  refusal("ffconcat version 1.0\nfile '/etc/passwd'\n");
  refusal(make_wav({}, {}));  // a header without samples
  const fs::path images = fs::path(PANDAGPT_FIXTURES) / "images";
  refusal(read_file(images / "exif1_png.png", 1 << 20));
  refusal(read_file(images / "exif1_jpg.jpg", 1 << 20));
}

TEST(BadSound, FilesThatCannotBeOpened) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { load_audio(folder / "none.wav"); }).what(), HasSubstr("no such file"));
  EXPECT_THAT(error_of([&] { load_audio(folder.path()); }).what(), HasSubstr("folder"));
  test::write_text(folder / "empty.wav", "");
  EXPECT_THAT(error_of([&] { load_audio(folder / "empty.wav"); }).what(), HasSubstr("empty"));
}

// Not the file that the words name.
TEST(BadSound, NamesAreNotAddresses) {
  EXPECT_THAT(error_of([] { load_audio("http://127.0.0.1:9/a.wav"); }).what(),
              HasSubstr("no such file"));
  EXPECT_THAT(error_of([] { load_audio("concat:a.wav|b.wav"); }).what(), HasSubstr("no such file"));
}

}  // namespace
}  // namespace pandagpt
