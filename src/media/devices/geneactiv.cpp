// GENEActiv's .bin: a text of "name:value" lines; behind the header pages of 300 samples in
// hexadecimal (Activinsights, "GENEActiv software manual", appendix).
#include <spdlog/fmt/fmt.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/warnings.h"
#include "media/byte_reader.h"
#include "media/devices/device_imu.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kMaxLineBytes = 8192;
constexpr std::size_t kSampleDigits = 12;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

/// Lines without their ends.
class Lines {
 public:
  explicit Lines(ByteSource& source) : source_(source) {}

  /// False at the end of the file.
  bool next(std::string& line) {
    if (at_ >= source_.size()) return false;
    const auto length = std::min<std::uint64_t>(kMaxLineBytes, source_.size() - at_);
    const ByteView bytes = source_.peek(at_, length);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::size_t end = text.find('\n');
    line = text.substr(0, end);
    at_ += end == std::string_view::npos ? length : end + 1;
    while (line.ends_with('\r') || line.ends_with(' '))
      line.pop_back();
    return true;
  }

 private:
  ByteSource& source_;
  std::uint64_t at_ = 0;
};

using Fields = std::map<std::string, std::string>;

void add_field(Fields& fields, const std::string& line) {
  const std::size_t colon = line.find(':');
  if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 1);
}

/// A number, with a unit behind it or not.
double number_of(const Fields& fields, const std::string& key, const std::string& name) {
  const auto found = fields.find(key);
  double value = 0;
  const std::string text = found == fields.end() ? "" : found->second;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc())
    fail(name, "\"" + key + "\" has no number; get a complete copy of the file");
  return value;
}

/// "2013-05-30 10:12:54:500"
std::optional<double> time_of(const std::string& text) {
  std::array<unsigned, 7> fields{};
  const char* at = text.data();
  const char* end = at + text.size();
  for (unsigned& field : fields) {
    const auto [behind, code] = std::from_chars(at, end, field);
    if (code != std::errc()) return std::nullopt;
    at = behind == end ? end : behind + 1;
  }
  return seconds_of_date(static_cast<int>(fields[0]), fields[1], fields[2], fields[3], fields[4],
                         fields[5] + fields[6] / 1000.0);
}

struct Calibration {
  std::array<double, 3> gain{};
  std::array<double, 3> offset{};
};

Calibration calibration_of(const Fields& fields, const std::string& name) {
  Calibration calibration;
  constexpr std::array kAxes{"x", "y", "z"};
  for (std::size_t axis = 0; axis < kAxes.size(); ++axis) {
    calibration.gain[axis] = number_of(fields, std::string(kAxes[axis]) + " gain", name);
    calibration.offset[axis] = number_of(fields, std::string(kAxes[axis]) + " offset", name);
    if (!(calibration.gain[axis] > 0))
      fail(name, "the calibration's gain is not above 0; get a complete copy of the file");
  }
  return calibration;
}

/// 12 bits for each axis, then light and button. Samples that are no hexadecimal end the page.
std::vector<ImuSample> read_page(const std::string& digits, const Calibration& calibration) {
  std::vector<ImuSample> samples;
  for (std::size_t at = 0; at + kSampleDigits <= digits.size(); at += kSampleDigits) {
    std::uint64_t bits = 0;
    const char* begin = digits.data() + at;
    const auto [end, code] = std::from_chars(begin, begin + kSampleDigits, bits, 16);
    if (code != std::errc() || end != begin + kSampleDigits) break;
    ImuSample sample{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto raw = static_cast<int>((bits >> (36 - 12 * axis)) & 0xFFF);
      const int value = raw < 0x800 ? raw : raw - 0x1000;
      sample[axis] = (100.0 * value - calibration.offset[axis]) / calibration.gain[axis];
    }
    samples.push_back(sample);
  }
  return samples;
}

bool is_digits(const std::string& line) {
  return line.size() >= kSampleDigits &&
         line.find_first_not_of("0123456789ABCDEFabcdef") == std::string::npos;
}

}  // namespace

RawImu read_geneactiv(ByteSource& source, ImuSpan span) {
  const std::string name = source.name();
  Lines lines(source);
  Fields header, page;
  std::optional<ImuBlocks> blocks;
  Calibration calibration;
  std::string line;
  std::uint64_t n_damaged = 0;
  bool is_page = false;
  while (lines.next(line)) {
    if (line == "Recorded Data") {
      is_page = true;
      page.clear();
    } else if (!is_page) {
      add_field(header, line);
    } else if (is_digits(line)) {
      if (!blocks) {
        calibration = calibration_of(header, name);
        const double rate = number_of(header, "Measurement Frequency", name);
        if (!(rate > 0)) fail(name, "the measurement frequency is not above 0");
        blocks.emplace(name, rate, span);
      }
      const std::optional<double> time = time_of(page["Page Time"]);
      if (!time) ++n_damaged;
      if (time) blocks->add(*time, read_page(line, calibration));
      if (!blocks->wants_more()) break;
    } else {
      add_field(page, line);
    }
  }
  if (!blocks) fail(name, "the GENEActiv file has no page of samples; get a complete copy of it");
  if (n_damaged > 0) warn(fmt::format("{}: {} pages without a time are left out", name, n_damaged));
  RawImu raw = blocks->finish();
  raw.has_gyroscope = false;
  raw.acceleration = stated_unit(AccelerationUnit::kG, "the GENEActiv file, by its calibration");
  raw.report.format = "GENEActiv binary file";
  raw.report.device = "GENEActiv";
  if (header.contains("Device Model")) raw.report.device += " " + header["Device Model"];
  raw.report.add("set rate", header["Measurement Frequency"], "the header");
  return raw;
}

}  // namespace pandagpt
