#include "media/imu.h"

#include <utility>

#include "media/devices/device_imu.h"
#include "media/imu_columns.h"
#include "media/imu_raw.h"
#include "media/logs/log_inputs.h"
#include "media/npy.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Files -------------------------------------------------------------------------------------

RawImu from_csv(ByteView bytes, const std::string& name) {
  const CsvTable table = decode_csv(bytes, name);
  const ImuColumns columns = find_imu_columns(table, name);
  RawImu raw;
  raw.time_unit = columns.time_unit;
  raw.rate_hz = columns.rate_hz;
  if (columns.acceleration) raw.acceleration = stated_unit(*columns.acceleration, "the header");
  if (columns.rotation) raw.rotation = stated_unit(*columns.rotation, "the header");
  for (std::size_t row = 0; row < table.n_rows(); ++row) {
    const double* cells = &table.values[row * table.n_columns];
    auto& sample = raw.samples.emplace_back();
    for (int channel = 0; channel < kImuChannels; ++channel)
      sample[channel] = cells[columns.channels[channel]];
    if (columns.time) raw.times.push_back(cells[*columns.time]);
  }
  return raw;
}

RawImu from_npy(ByteView bytes, const std::string& name) {
  const NpyArray array = decode_npy(bytes, name);
  const bool rows_are_samples = array.shape.size() == 2 && array.shape[1] == kImuChannels;
  const bool rows_are_channels = array.shape.size() == 2 && array.shape[0] == kImuChannels;
  if (!rows_are_samples && !rows_are_channels)
    fail(name, "the array has the shape " + npy_shape_text(array.shape) +
                   ", (samples, 6) or (6, samples) was expected: accelerometer x, y, z, gyroscope "
                   "x, y, z");
  const auto count = static_cast<std::size_t>(rows_are_samples ? array.shape[0] : array.shape[1]);
  RawImu raw;
  raw.samples.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t channel = 0; channel < kImuChannels; ++channel)
      raw.samples[i][channel] =
          array.values[rows_are_samples ? i * kImuChannels + channel : channel * count + i];
  return raw;
}

}  // namespace

ImuRecording decode_imu(ByteView bytes, const std::string& name, const ImuOptions& options) {
  if (std::optional<RawImu> raw = read_device_imu(bytes, name))
    return finish_imu(std::move(*raw), name, options);
  if (std::optional<LogInput> log = open_log(bytes, name))
    return finish_imu(read_log_imu(*log), name, options);
  if (bytes.empty()) fail(name, "the file is empty; give a recording");
  return finish_imu(is_npy(bytes) ? from_npy(bytes, name) : from_csv(bytes, name), name, options);
}

ImuRecording imu_from_values(std::span<const double> values, const std::string& name,
                             const ImuOptions& options) {
  if (values.size() % kImuChannels != 0)
    fail(name, std::to_string(values.size()) +
                   " values are no rows of six; give accelerometer x, "
                   "y, z, gyroscope x, y, z of each sample");
  RawImu raw;
  raw.samples.resize(values.size() / kImuChannels);
  for (std::size_t i = 0; i < values.size(); ++i)
    raw.samples[i / kImuChannels][i % kImuChannels] = values[i];
  return finish_imu(std::move(raw), name, options);
}

ImuRecording load_imu(const std::filesystem::path& path, const ImuOptions& options) {
  if (std::optional<RawImu> raw = read_device_imu(path.string()))
    return finish_imu(std::move(*raw), path.string(), options);
  if (std::optional<LogInput> log = open_log(path.string()))
    return finish_imu(read_log_imu(*log), log->name, options);
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_imu(read_file(path, kMaxCsvBytes), name, options);
}

}  // namespace pandagpt
