#include "media/imu.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "media/devices/device_imu.h"
#include "media/imu_files.h"
#include "media/imu_raw.h"
#include "media/imu_recording.h"
#include "media/imu_table.h"
#include "media/logs/log_inputs.h"
#include "media/npy.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
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
  raw.report.format = "NPY";
  raw.samples.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t channel = 0; channel < kImuChannels; ++channel)
      raw.samples[i][channel] =
          array.values[rows_are_samples ? i * kImuChannels + channel : channel * count + i];
  return raw;
}

ImuRecording from_tables(std::vector<ImuTable> tables, const std::string& name,
                         const ImuOptions& options) {
  return finish_imu(join_tables(std::move(tables), name, options), name, options);
}

/// Of an export: tables without a sensor of motion (battery, places) and those that are no tables
/// of numbers are passed over.
ImuRecording from_export(const std::vector<NamedBytes>& files, const std::string& name,
                         const ImuOptions& options) {
  std::vector<ImuTable> tables;
  std::string first_refusal;
  for (const NamedBytes& file : files) {
    try {
      ImuTable table = read_imu_table(file.bytes, file.name, options);
      if (!table.sensors.empty()) tables.push_back(std::move(table));
    } catch (const Error& error) {
      // A sensor's own file counts; what it says of itself is kept for the case that it's missed.
      if (first_refusal.empty() && sensor_of_file_name(file.name)) first_refusal = error.what();
    }
  }
  if (!first_refusal.empty()) throw Error(ErrorKind::kInput, first_refusal);
  if (tables.empty())
    fail(name,
         "no table in it has an accelerometer or a gyroscope; give the export of a motion "
         "recording");
  for (ImuTable& table : tables)
    table.missing.clear();
  return from_tables(std::move(tables), name, options);
}

}  // namespace

ImuRecording decode_imu(ByteView bytes, const std::string& name, const ImuOptions& options) {
  if (std::optional<RawImu> raw = read_device_imu(bytes, name))
    return finish_imu(std::move(*raw), name, options);
  if (std::optional<LogInput> log = open_log(bytes, name))
    return finish_imu(read_log_imu(*log), name, options);
  if (bytes.empty()) fail(name, "the file is empty; give a recording");
  if (is_npy(bytes)) return finish_imu(from_npy(bytes, name), name, options);
  if (is_zip(bytes)) return from_export(tables_of_zip(bytes, name), name, options);
  std::vector<ImuTable> tables;
  tables.push_back(read_imu_table(bytes, name, options));
  return from_tables(std::move(tables), name, options);
}

ImuRecording decode_imu(std::span<const ImuFile> files, const ImuOptions& options) {
  if (files.size() == 1) return decode_imu(files[0].bytes, files[0].name, options);
  std::vector<ImuTable> tables;
  std::string names;
  for (const ImuFile& file : files) {
    if (file.bytes.empty()) fail(file.name, "the file is empty; give a recording");
    if (is_npy(file.bytes) || is_zip(file.bytes))
      fail(file.name, "is no table; of a recording in several files each is a table of one sensor");
    tables.push_back(read_imu_table(file.bytes, file.name, options));
    if (tables.back().sensors.empty())
      fail(file.name, "has no accelerometer, gyroscope or gravity: columns are missing: " +
                          tables.back().missing);
    tables.back().missing.clear();
    names += (names.empty() ? "" : "+") + file.name;
  }
  if (tables.empty()) fail("motion", "no files; give a recording");
  return from_tables(std::move(tables), names, options);
}

ImuRecording imu_from_values(std::span<const double> values, const std::string& name,
                             const ImuOptions& options) {
  if (values.size() % kImuChannels != 0)
    fail(name, std::to_string(values.size()) +
                   " values are no rows of six; give accelerometer x, "
                   "y, z, gyroscope x, y, z of each sample");
  RawImu raw;
  raw.report.format = "numbers";
  raw.samples.resize(values.size() / kImuChannels);
  for (std::size_t i = 0; i < values.size(); ++i)
    raw.samples[i / kImuChannels][i % kImuChannels] = values[i];
  return finish_imu(std::move(raw), name, options);
}

ImuRecording load_imu(const fs::path& path, const ImuOptions& options) {
  std::error_code code;
  if (fs::is_directory(path, code))
    return from_export(tables_of_folder(path), path.string(), options);
  if (std::optional<RawImu> raw = read_device_imu(path.string()))
    return finish_imu(std::move(*raw), path.string(), options);
  if (std::optional<LogInput> log = open_log(path.string()))
    return finish_imu(read_log_imu(*log), log->name, options);
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_imu(read_file(path, kMaxTableBytes), name, options);
}

ImuRecording load_imu(const Input& input, const ImuOptions& options) {
  if (input.parts.empty())
    return input.bytes.empty() ? load_imu(fs::path(input.name), options)
                               : decode_imu(input.bytes, input.name, options);
  std::vector<NamedBytes> read;
  read.reserve(input.parts.size() + 1);
  std::vector<ImuFile> files;
  const auto add = [&](const std::string& name, ByteView bytes) {
    if (bytes.empty()) {
      read.push_back({name, read_file(name, kMaxTableBytes)});
      bytes = read.back().bytes;
    }
    files.push_back({name, bytes});
  };
  add(input.name, input.bytes);
  for (const InputPart& part : input.parts)
    add(part.name, part.bytes);
  return decode_imu(files, options);
}

}  // namespace pandagpt
