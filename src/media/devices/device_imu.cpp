#include "media/devices/device_imu.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <utility>

#include "core/what_is_this.h"
#include "core/zip_reader.h"
#include "media/byte_reader.h"
#include "media/devices/gopro.h"
#include "media/logs/address.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

enum class DeviceFile { kCwa, kGeneActiv, kGenea, kGpmf, kFilm, kZip };

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

std::optional<DeviceFile> kind_of(ByteView beginning) {
  const ByteReader file(beginning);
  if (file.matches(0, "MD\xFC\x03")) return DeviceFile::kCwa;
  if (file.matches(0, "Device Identity")) return DeviceFile::kGeneActiv;
  if (file.matches(0, "GENEA/")) return DeviceFile::kGenea;
  if (file.matches(0, std::string_view("DEVC\0", 5))) return DeviceFile::kGpmf;
  if (file.matches(4, "ftyp")) return DeviceFile::kFilm;
  if (file.matches(0, "PK\x03\x04")) return DeviceFile::kZip;
  return std::nullopt;
}

bool is_gt3x(ByteView archive, const std::string& name) {
  const auto members = read_zip_table(archive, name, ErrorKind::kInput);
  return members.contains("info.txt") &&
         (members.contains("log.bin") || members.contains("activity.bin"));
}

ImuSpan span_of(const LogAddress& address, const std::string& name) {
  if (!address.topic.empty() || address.step)
    fail(name, "a recording of motion has no topics; give a part of it in seconds: #@10-20");
  ImuSpan span;
  span.from = address.from.value_or(0);
  if (address.until) span.until = *address.until;
  return span;
}

/// Leaves the samples of a span.
RawImu cut(RawImu raw, ImuSpan span, const std::string& name) {
  if (raw.times.empty()) return raw;
  const double first = raw.times.front();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < raw.times.size(); ++i) {
    const double time = raw.times[i] - first;
    if (time < span.from || time >= span.until) continue;
    raw.times[kept] = raw.times[i];
    raw.samples[kept++] = raw.samples[i];
  }
  if (kept == 0) fail(name, "has no samples at that time");
  raw.times.resize(kept);
  raw.samples.resize(kept);
  return raw;
}

[[noreturn]] void fail_genea(const std::string& name) {
  fail(name,
       "a recording of a GENEA, the device before GENEActiv, which isn't read; export it as CSV");
}

Bytes read_all(ByteSource& source) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{256} << 20;
  if (source.size() > kMaxBytes)
    fail(source.name(), "larger than the limit of " + std::to_string(kMaxBytes >> 20) + " MiB");
  return source.read(0, source.size());
}

}  // namespace

// --- Blocks --------------------------------------------------------------------------------------

void ImuBlocks::add(double start, std::vector<ImuSample> samples) {
  if (samples.empty()) return;
  if (!waiting_.empty()) {
    constexpr double kMostStretch = 0.1;  // of the rate that the device was set to
    const double usual = 1 / rate_hz_;
    const double measured = (start - start_) / static_cast<double>(waiting_.size());
    take_waiting(std::abs(measured / usual - 1) < kMostStretch ? measured : usual);
  }
  if (!first_) first_ = start;
  start_ = last_start_ = start;
  waiting_ = std::move(samples);
}

void ImuBlocks::take_waiting(double step) {
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    const double time = start_ - *first_ + step * static_cast<double>(i);
    if (time < span_.from || time >= span_.until) continue;
    if (raw_.samples.size() >= kMaxImuSamples)
      fail(name_, fmt::format("the recording has more than {} samples; give a part of it in "
                              "seconds: {}#@0-3600",
                              kMaxImuSamples, name_));
    raw_.times.push_back(time);
    raw_.samples.push_back(waiting_[i]);
  }
  waiting_.clear();
}

RawImu ImuBlocks::finish() {
  if (!waiting_.empty()) take_waiting(1 / rate_hz_);
  if (raw_.samples.empty())
    fail(name_, first_ ? "has no samples at that time" : "the recording has no samples");
  raw_.time_unit = 1;
  return std::move(raw_);
}

double seconds_of_date(int year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                       double second) {
  const std::chrono::sys_days days =
      std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
  return 86400.0 * static_cast<double>(days.time_since_epoch().count()) + 3600.0 * hour +
         60.0 * minute + second;
}

// --- Files ---------------------------------------------------------------------------------------

std::optional<RawImu> read_device_imu(const std::string& path) {
  const LogAddress parts = parse_log_address(path, /*is_buffer=*/false);
  std::error_code code;
  if (!fs::is_regular_file(parts.file, code) || fs::file_size(parts.file, code) == 0)
    return std::nullopt;
  ByteSource source{fs::path(parts.file)};
  const std::size_t telling = std::min<std::uint64_t>(source.size(), kTellingBytes);
  const std::optional<DeviceFile> kind = kind_of(source.peek(0, telling));
  if (!kind) return std::nullopt;
  if (kind == DeviceFile::kZip) {
    const MappedFile archive(parts.file);
    if (!is_gt3x(archive.bytes(), path)) return std::nullopt;
    return read_gt3x(archive.bytes(), parts.file, span_of(parts, path));
  }
  const ImuSpan span = span_of(parts, path);
  switch (*kind) {
    case DeviceFile::kCwa:
      return read_cwa(source, span);
    case DeviceFile::kGeneActiv:
      return read_geneactiv(source, span);
    case DeviceFile::kGenea:
      fail_genea(source.name());
    case DeviceFile::kFilm:
      return cut(read_gopro_film(MediaInput(parts.file, /*max_buffer_bytes=*/0)), span, path);
    default:
      return cut(read_gpmf(read_all(source), parts.file), span, path);
  }
}

std::optional<RawImu> read_device_imu(ByteView bytes, const std::string& name) {
  const std::optional<DeviceFile> kind = kind_of(bytes);
  if (!kind || (kind == DeviceFile::kZip && !is_gt3x(bytes, name))) return std::nullopt;
  const LogAddress parts = parse_log_address(name, /*is_buffer=*/true);
  const ImuSpan span = span_of(parts, name);
  ByteSource source(bytes, parts.file);
  switch (*kind) {
    case DeviceFile::kZip:
      return read_gt3x(bytes, parts.file, span);
    case DeviceFile::kCwa:
      return read_cwa(source, span);
    case DeviceFile::kGeneActiv:
      return read_geneactiv(source, span);
    case DeviceFile::kGenea:
      fail_genea(source.name());
    case DeviceFile::kFilm:
      return cut(read_gopro_film(MediaInput(bytes, parts.file)), span, name);
    default:
      return cut(read_gpmf(bytes, parts.file), span, name);
  }
}

}  // namespace pandagpt
