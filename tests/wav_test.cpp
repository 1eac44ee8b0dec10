// WAV files that FFmpeg takes for others: each way to write the same samples gives the same sound.
#include "media/wav.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <string>

#include "core/warnings.h"
#include "media/audio.h"
#include "media/media_kind.h"
#include "test_support.h"

namespace pandagpt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kRate = 8000;
constexpr int kFrames = 800;

/// -1..1, with all bits of 24 in use; channel 1 is the other's negative.
double sample(int frame, int channel) {
  const double value = 0.9 * std::sin(0.05 * frame) + 0.05 * std::sin(1.7 * frame);
  return channel == 0 ? value : -value;
}

struct Spec {
  std::string magic = "RIFF";
  int tag = 1;  ///< 1: integers, 3: floats
  int bytes = 2;
  int valid_bits = 0;  ///< of WAVE_FORMAT_EXTENSIBLE; 0: the old format
  int channels = 2;

  bool big_endian() const { return magic == "RIFX"; }
};

class WavWriter {
 public:
  explicit WavWriter(const Spec& spec) : spec_(spec) {}

  Bytes write() {
    put_text(spec_.magic);
    put(spec_.magic == "RF64" ? 0xFFFFFFFF : 0, 4);
    put_text("WAVE");
    if (spec_.magic == "RF64") put_ds64();
    put_text("JUNK");  // an odd chunk before: padded
    put(3, 4);
    put(0, 4);
    put_format();
    put_text("data");
    put(spec_.magic == "RF64" ? 0xFFFFFFFF : data_bytes(), 4);
    put_samples();
    return file_;
  }

  Bytes write_w64() {
    const auto guid = [&](const std::string& name, const std::string& rest) {
      put_text(name);
      file_.insert(file_.end(), rest.begin(), rest.end());
    };
    const std::string wave("\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A", 12);
    guid("riff", std::string("\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00", 12));
    put(40 + 24 + 40 + 24 + data_bytes(), 8);
    guid("wave", wave);
    guid("fmt ", wave);
    put(24 + 40, 8);
    put_format_body();
    guid("data", wave);
    put(24 + data_bytes(), 8);
    put_samples();
    return file_;
  }

 private:
  std::uint64_t data_bytes() const { return std::uint64_t(spec_.bytes) * kFrames * spec_.channels; }
  void put_text(const std::string& text) { file_.insert(file_.end(), text.begin(), text.end()); }
  void put(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      const int shift = 8 * (spec_.big_endian() ? bytes - 1 - i : i);
      file_.push_back(static_cast<std::uint8_t>(value >> shift));
    }
  }
  void put_ds64() {
    put_text("ds64");
    put(28, 4);
    put(0, 8);
    put(data_bytes(), 8);
    put(0, 8);
    put(0, 4);
  }
  void put_format() {
    put_text("fmt ");
    put(spec_.valid_bits > 0 ? 40 : 16, 4);
    put_format_body();
  }
  void put_format_body() {
    const auto tag = static_cast<std::uint64_t>(spec_.tag);
    put(spec_.valid_bits > 0 ? 0xFFFE : tag, 2);
    put(spec_.channels, 2);
    put(kRate, 4);
    put(std::uint64_t(kRate) * spec_.bytes * spec_.channels, 4);
    put(std::uint64_t(spec_.bytes) * spec_.channels, 2);
    put(8 * std::uint64_t(spec_.bytes), 2);
    if (spec_.valid_bits == 0) return;
    put(22, 2);
    put(spec_.valid_bits, 2);
    put(3, 4);
    put(tag, 4);
    put(0, 2);
    put(0x10, 2);
    put_text(std::string("\x80\x00\x00\xAA\x00\x38\x9B\x71", 8));
  }
  void put_samples() {
    for (int frame = 0; frame < kFrames; ++frame)
      for (int channel = 0; channel < spec_.channels; ++channel)
        put_sample(sample(frame, channel));
  }
  void put_sample(double value) {
    if (spec_.tag == 3) {
      if (spec_.bytes == 8) return put(std::bit_cast<std::uint64_t>(value), 8);
      return put(std::bit_cast<std::uint32_t>(static_cast<float>(value)), 4);
    }
    const int bits = spec_.valid_bits > 0 ? spec_.valid_bits : 8 * spec_.bytes;
    auto number = static_cast<std::int64_t>(std::llround(value * std::exp2(bits - 1)));
    number <<= 8 * spec_.bytes - bits;  // at the top, zeros below
    if (spec_.bytes == 1) number += 128;
    put(static_cast<std::uint64_t>(number), spec_.bytes);
  }

  Spec spec_;
  Bytes file_;
};

std::string text_of(const Spec& spec) {
  return spec.magic + " " + std::to_string(spec.tag) + " " + std::to_string(spec.valid_bits) +
         " in " + std::to_string(spec.bytes);
}

void expect_sound(const Bytes& file, const Spec& spec) {
  SCOPED_TRACE(text_of(spec));
  WarningCollector collector;
  const Audio audio = decode_audio(file, "it.wav");
  EXPECT_THAT(collector.messages(), IsEmpty()) << text_of(spec);
  EXPECT_EQ(audio.sample_rate, kRate) << text_of(spec);
  ASSERT_EQ(audio.channels, spec.channels) << text_of(spec);
  ASSERT_EQ(audio.frames(), kFrames) << text_of(spec);
  const int bits = spec.tag == 3 ? 24 : spec.valid_bits > 0 ? spec.valid_bits : 8 * spec.bytes;
  const double step = std::max(std::exp2(1 - bits), 1e-6);
  for (int frame = 0; frame < kFrames; ++frame)
    for (int channel = 0; channel < spec.channels; ++channel)
      ASSERT_NEAR(audio.samples[frame * spec.channels + channel], sample(frame, channel), step)
          << text_of(spec) << " at " << frame;
}

TEST(Wav, TheSameSoundWhateverItsNumbersAre) {
  for (const std::string magic : {"RIFF", "RIFX", "RF64"})
    for (const Spec& spec : {
             Spec{magic, 1, 1, 0},
             Spec{magic, 1, 2, 0},
             Spec{magic, 1, 3, 0},
             Spec{magic, 1, 4, 0},
             Spec{magic, 3, 4, 0},
             Spec{magic, 3, 8, 0},
             Spec{magic, 1, 4, 24},
             Spec{magic, 1, 4, 20},
             Spec{magic, 1, 4, 16},
             Spec{magic, 1, 3, 20},
             Spec{magic, 1, 3, 16},
             Spec{magic, 1, 2, 16},
             Spec{magic, 1, 2, 12},
             Spec{magic, 1, 2, 8},
             Spec{magic, 1, 4, 32},
             Spec{magic, 3, 4, 32},
             Spec{magic, 1, 4, 24, 1},
         })
      expect_sound(WavWriter(spec).write(), spec);
}

TEST(Wav, OfSonysW64) {
  for (const Spec& spec : {Spec{"RIFF", 1, 4, 24}, Spec{"RIFF", 1, 3, 24}, Spec{"RIFF", 1, 2, 16}})
    expect_sound(WavWriter(spec).write_w64(), spec);
}

TEST(Wav, AFileIsReadAsABufferIs) {
  const test::TemporaryFolder folder;
  const Bytes file = WavWriter({"RIFX", 1, 3, 0}).write();
  test::write_text(folder / "it.wav", {file.begin(), file.end()});
  EXPECT_EQ(load_audio(folder / "it.wav").samples, decode_audio(file, "it").samples);
  EXPECT_EQ(media_kind(file, "it"), Modality::kAudio);
}

std::string refusal(const Bytes& file, const AudioLimits& limits = {}) {
  const Error error = test::error_of([&] { decode_audio(file, "it.wav", limits); });
  EXPECT_EQ(error.kind(), ErrorKind::kInput) << error.what();
  return error.what();
}

TEST(Wav, OddWidthsAreRefusedByName) {
  EXPECT_THAT(refusal(WavWriter({"RIFF", 1, 5, 36}).write()),
              HasSubstr("samples of 36 bits in 5 bytes can't be read; save the sound with 16"));
  EXPECT_THAT(refusal(WavWriter({"RIFF", 1, 6, 45}).write()), HasSubstr("45 bits in 6 bytes"));
  EXPECT_THAT(refusal(WavWriter({"RIFX", 1, 7, 0}).write()), HasSubstr("56 bits in 7 bytes"));
}

TEST(Wav, LimitsAreJudgedFirst) {
  const Bytes file = WavWriter({"RIFX", 1, 2, 0}).write();
  EXPECT_THAT(refusal(file, {.max_channels = 1}), HasSubstr("more than the limit of 1"));
  EXPECT_THAT(refusal(file, {.max_sample_rate = 4000}), HasSubstr("above the limit of 4000"));
  EXPECT_THAT(refusal(file, {.max_seconds = 0.01}), HasSubstr("longer than the limit"));
  EXPECT_THAT(refusal(file, {.max_samples = 10}), HasSubstr("above the limit"));
}

TEST(Wav, DamagedOnesAreErrorsOrShorter) {
  const Spec spec{"RIFX", 1, 4, 24};
  const Bytes whole = WavWriter(spec).write();
  const std::size_t header = whole.size() - std::size_t{4} * kFrames * spec.channels;
  for (std::size_t size = 1; size <= header; ++size) {
    const Bytes part(whole.begin(), whole.begin() + std::ptrdiff_t(size));
    EXPECT_THAT(refusal(part), HasSubstr("it.wav: ")) << size;
  }
  // A header that announces more than there is.
  Bytes lying = WavWriter(spec).write();
  for (std::size_t i = header - 4; i < header; ++i)
    lying[i] = i == header - 4 ? 0x00 : 0xFF;
  WarningCollector collector;
  EXPECT_EQ(decode_audio(lying, "it.wav").frames(), kFrames);
  EXPECT_THAT(collector.messages(), ElementsAre(HasSubstr("0.1 s of the 262.1 s")));
  // Floats that are no numbers.
  Bytes nan = WavWriter({"RIFX", 3, 4, 0}).write();
  std::fill_n(nan.end() - 4, 4, std::uint8_t{0xFF});
  EXPECT_THAT(refusal(nan), HasSubstr("sample 799 of channel 1 is not a finite number"));
}

}  // namespace
}  // namespace pandagpt
