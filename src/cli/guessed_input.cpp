#include "cli/guessed_input.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "core/file.h"
#include "core/warnings.h"
#include "core/what_is_this.h"
#include "media/flir.h"
#include "media/image_info.h"
#include "media/imu.h"
#include "media/media_kind.h"
#include "media/radiometric_jpeg.h"
#include "media/scalar_map.h"
#include "media/thermal_csv.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

bool is_text(ByteView bytes) {
  return what_is_this(bytes.subspan(0, std::min(bytes.size(), kTellingBytes))).ends_with("text");
}

/// Whether it can be read as motion. An array says no rate, so that any will do.
bool is_motion(ByteView bytes, const std::string& path) {
  for (const std::optional<double> rate : {std::optional<double>(), std::optional(100.0)}) {
    try {
      ImuOptions options;
      options.rate_hz = rate;
      options.gravity = ImuGravity::kAbsent;
      options.takes_accelerometer_alone = true;
      decode_imu(bytes, path, options);
      return true;
    } catch (const Error&) {
    }
  }
  return false;
}

/// A thermal camera's own file, or a table of temperatures. One that is damaged counts: who reads
/// it for good says what is wrong.
bool is_thermal(ByteView bytes, const std::string& path) {
  if (is_flir_file(bytes)) return true;
  if (sniff_image_format(bytes) == ImageFormat::kJpeg) {
    try {
      return decode_radiometric_jpeg(bytes, path, {}).has_value();
    } catch (const Error&) {
      return true;
    }
  }
  if (!may_be_thermal_csv(bytes)) return false;
  try {
    decode_thermal_csv(bytes, path, {});
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::vector<Modality> possible_kinds(const std::string& path) {
  if (std::filesystem::is_directory(path)) return {Modality::kImu};  // a table for each sensor
  const std::optional<Modality> by_beginning = kind_of_beginning(std::filesystem::path(path));
  if (by_beginning == Modality::kVideo || by_beginning == Modality::kAudio) return {*by_beginning};
  const std::optional<Modality> by_name = modality_of_extension(path);
  if (!by_beginning && (by_name == Modality::kVideo || by_name == Modality::kAudio))
    return {*by_name};
  const Bytes bytes = read_file(path, kMaxBytes);
  const WarningCollector told_when_it_is_read;
  if (by_beginning != Modality::kImage && is_motion(bytes, path)) return {Modality::kImu};
  if (is_thermal(bytes, path)) return {Modality::kThermal};
  if (is_scalar_map(bytes)) return {Modality::kDepth, Modality::kThermal};
  if (by_beginning) return {*by_beginning};
  if (is_text(bytes)) return {Modality::kImu};
  return by_name ? std::vector{*by_name} : std::vector<Modality>();
}

Input guessed_input(const std::string& path) {
  if (path == "-")
    throw Error(ErrorKind::kUsage,
                "'-': say what standard input is: --image -, --audio -, --thermal - ..");
  const std::vector<Modality> kinds = possible_kinds(path);
  if (kinds.empty())
    throw Error(ErrorKind::kUsage,
                path +
                    ": what is it? Give --image, --video, --audio, --thermal, --depth or --imu "
                    "before it");
  if (kinds.size() > 1)
    throw Error(ErrorKind::kUsage, path +
                                       ": a map of measurements, of distances or of temperatures? "
                                       "Give --depth or --thermal before it");
  Input input;
  input.modality = kinds.front();
  input.name = path;
  return input;
}

}  // namespace pandagpt
