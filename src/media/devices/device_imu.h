// Recordings of motion in the binary files of devices.
//
// - Axivity AX3 and AX6 (CWA)
// - ActiGraph (GT3X: a zip archive)
// - GENEActiv (.bin)
// - GoPro: GPMF in MP4 films, and by itself
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/file.h"
#include "media/byte_source.h"
#include "media/imu_raw.h"

namespace pandagpt {

/// Reads the recording of a device; nothing for files of other kinds. Behind the name may stand a
/// part of it in seconds from its first sample: "wrist.cwa#@3600-4200". Throws Error(kInput),
/// "NAME: what; what to do": damaged, no accelerometer, more than kMaxImuSamples.
std::optional<RawImu> read_device_imu(const std::string& path);
std::optional<RawImu> read_device_imu(ByteView bytes, const std::string& name);

// --- For the readers -----------------------------------------------------------------------------

/// Seconds from the first sample.
struct ImuSpan {
  double from = 0;
  double until = std::numeric_limits<double>::infinity();
};

using ImuSample = std::array<double, kImuChannels>;

/// Devices write blocks of samples, and a time for each block. Blocks that follow each other
/// closely are stretched to meet: their clocks are better than the sensor's rate.
class ImuBlocks {
 public:
  ImuBlocks(std::string name, double rate_hz, ImuSpan span)
      : name_(std::move(name)), rate_hz_(rate_hz), span_(span) {}

  /// `start`: seconds on the device's clock. Blocks come in the order of their times.
  void add(double start, std::vector<ImuSample> samples);
  /// Whether further blocks may lie in the span.
  bool wants_more() const { return !first_ || last_start_ - *first_ < span_.until; }
  /// With times in seconds and without units. Throws Error(kInput) if there are no samples.
  RawImu finish();

 private:
  /// `step`: seconds between two samples of the waiting block.
  void take_waiting(double step);

  std::string name_;
  double rate_hz_;
  ImuSpan span_;
  std::optional<double> first_ = {};
  double start_ = 0;       // of the waiting block
  double last_start_ = 0;  // likewise, or of the last one
  std::vector<ImuSample> waiting_ = {};
  RawImu raw_ = {};
};

RawImu read_cwa(ByteSource& source, ImuSpan span);
RawImu read_geneactiv(ByteSource& source, ImuSpan span);
RawImu read_gt3x(ByteView archive, const std::string& name, ImuSpan span);

/// Days since 1970 of a date of the Gregorian calendar, in seconds with the time of day.
double seconds_of_date(int year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                       double second);

}  // namespace pandagpt
