#include "media/thermal.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <utility>
#include <variant>
#include <vector>

#include "core/quantile.h"
#include "core/warnings.h"
#include "media/byte_order.h"
#include "media/byte_reader.h"
#include "media/flir.h"
#include "media/image_info.h"
#include "media/logs/log_inputs.h"
#include "media/media_kind.h"
#include "media/nodata.h"
#include "media/radiometric_jpeg.h"
#include "media/scalar_map.h"
#include "media/thermal_csv.h"
#include "media/video.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr double kWhite = 255;

void check_range(const ThermalRange& range) {
  const bool quantiles_rise = range.low_quantile >= 0 && range.low_quantile < range.high_quantile &&
                              range.high_quantile <= 1;
  const bool ends_rise = !range.coldest || !range.warmest || *range.coldest < *range.warmest;
  if (!quantiles_rise || !ends_rise)
    throw Error(ErrorKind::kUsage,
                "the thermal range doesn't rise; give the coldest value first, then the warmest");
}

// Pillow's L24(): ITU-R 601-2 in 16-bit fixed point (src/libImaging/Convert.c).
void turn_grey(Image& image) {
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    std::uint8_t* pixel = &image.rgb[i];
    const unsigned grey =
        (pixel[0] * 19595U + pixel[1] * 38470U + pixel[2] * 7471U + 0x8000U) >> 16;
    std::fill_n(pixel, 3, static_cast<std::uint8_t>(grey));
  }
}

Image scale_to_grey(const ScalarMap& map, const std::string& name, const ThermalRange& range) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::kInput, name + ": " + why);
  };
  std::vector<float> finite;
  std::ranges::copy_if(map.values, std::back_inserter(finite),
                       [](float value) { return std::isfinite(value); });
  if (finite.empty()) fail("none of the measurements is a number; give another recording");
  const double low =
      range.coldest ? *range.coldest : quantile_of(std::span(finite), range.low_quantile);
  const double high =
      range.warmest ? *range.warmest : quantile_of(std::span(finite), range.high_quantile);
  if (!(low < high))
    fail("nearly all measurements are the same (" + std::to_string(low) +
         "); give a picture with contrast, or the range of values to show");
  Image image{map.width, map.height, Bytes()};
  image.rgb.reserve(3 * map.values.size());
  for (const float value : map.values) {
    const double share = std::isfinite(value) ? (value - low) / (high - low) : 0;
    const auto level = static_cast<std::uint8_t>(std::lround(std::clamp(share, 0.0, 1.0) * kWhite));
    image.rgb.insert(image.rgb.end(), 3, level);
  }
  return image;
}

// --- Pictures without a measurement --------------------------------------------------------------

/// Whether a tenth of the pixels, or more, have a colour: a palette, not a logo on a grey picture.
bool is_colourful(const Image& image) {
  constexpr std::size_t kMostPixels = 65'536;
  constexpr int kLeastChroma = 40;  // levels between a pixel's samples; JPEG's noise has less
  constexpr double kLeastShare = 0.1;
  const std::size_t n_pixels = image.rgb.size() / 3;
  const std::size_t step = (n_pixels / kMostPixels) | 1;
  std::size_t seen = 0;
  std::size_t colourful = 0;
  for (std::size_t i = 0; i < n_pixels; i += step, ++seen) {
    const auto [low, high] =
        std::minmax({image.rgb[3 * i], image.rgb[3 * i + 1], image.rgb[3 * i + 2]});
    if (high - low >= kLeastChroma) ++colourful;
  }
  return double(colourful) >= kLeastShare * double(seen);
}

ThermalFile from_picture(Image image, const std::string& format, const std::string& name) {
  ThermalFile file;
  file.report.format = format;
  const bool has_colours = is_colourful(image);
  file.report.add("values", has_colours ? "the brightness of false colours" : "grey levels",
                  "the file holds no measurement");
  if (has_colours)
    warn(name +
         ": a false-colour picture without a measurement, whose brightness says little about "
         "warmth; give the camera's radiometric file, or a picture with a white-hot palette");
  turn_grey(image);
  file.picture = std::move(image);
  return file;
}

ThermalFile from_map(ScalarMap map) {
  ThermalFile file;
  file.report = map.report;
  file.map = std::move(map);
  return file;
}

/// What a message of a robot's log holds.
ThermalFile from_log(LogInput& log, const ImageLimits& limits) {
  std::variant<Image, ScalarMap> content = read_log_picture(log, Modality::kThermal, limits);
  if (auto* map = std::get_if<ScalarMap>(&content)) return from_map(std::move(*map));
  return from_picture(std::move(std::get<Image>(content)), "picture in a robot's log", log.name);
}

ThermalFile from_film(VideoReader film, const std::string& name) {
  const std::int64_t middle = film.info().frames / 2;
  if (film.info().frames > 1)
    warn(fmt::format("{}: a film of {} frames; the one in the middle is used, at {:.1f} s", name,
                     film.info().frames, double(middle) / film.info().frames_per_second));
  const std::string format = "film (" + film.info().codec + ")";
  ThermalFile file;
  if (std::optional<ScalarMap> map = film.measurement(middle)) {
    map->report.format = format;
    correct_byte_order(*map);
    file = from_map(std::move(*map));
  } else {
    file = from_picture(film.frame(middle), format, name);
  }
  file.report.add("frame", fmt::format("{} of {}", middle + 1, film.info().frames));
  return file;
}

VideoLimits film_limits(const ImageLimits& limits) {
  VideoLimits own;
  own.max_pixels = std::min(own.max_pixels, limits.max_pixels);
  return own;
}

void check_file_size(std::uint64_t size, const std::string& name, const ImageLimits& limits) {
  if (size > limits.max_file_bytes)
    throw Error(ErrorKind::kInput, name + ": larger than the limit of " +
                                       std::to_string(limits.max_file_bytes >> 20) + " MiB");
}

[[noreturn]] void refuse_public_format(const std::string& name) {
  throw Error(ErrorKind::kInput,
              name +
                  ": FLIR's public format (FPF), which isn't read; save it as radiometric JPEG "
                  "or as CSV with FLIR's program");
}

/// The first bytes of a film of FLIR's that is too large to be read as a whole; its first picture
/// is in them.
std::optional<Bytes> read_start_of_flir_film(const std::filesystem::path& path,
                                             const ImageLimits& limits) {
  constexpr std::uint64_t kStart = std::uint64_t{64} << 20;
  std::error_code code;
  const std::uint64_t size = std::filesystem::file_size(path, code);
  if (code || size <= limits.max_file_bytes) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  Bytes start(std::min({size, kStart, limits.max_file_bytes}));
  in.read(reinterpret_cast<char*>(start.data()), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  if (!is_flir_file(start)) return std::nullopt;
  return start;
}

}  // namespace

ThermalFile decode_thermal_file(ByteView bytes, const std::string& name,
                                const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(bytes, name)) return from_log(*log, limits);
  check_file_size(bytes.size(), name, limits);
  if (auto map = decode_radiometric_jpeg(bytes, name, limits)) return from_map(std::move(*map));
  if (is_flir_file(bytes)) return from_map(decode_flir(bytes, "FLIR FFF", name, limits));
  if (ByteReader(bytes).matches(0, "FPF Public Image Format")) refuse_public_format(name);
  if (is_scalar_map(bytes)) {
    ScalarMap map = decode_scalar_map(bytes, name, limits);
    correct_byte_order(map);
    mark_missing_values(map, name);
    return from_map(std::move(map));
  }
  if (may_be_thermal_csv(bytes)) {
    ScalarMap map = decode_thermal_csv(bytes, name, limits);
    mark_missing_values(map, name);
    return from_map(std::move(map));
  }
  if (kind_of_beginning(bytes) == Modality::kVideo)
    return from_film(VideoReader(bytes, name, film_limits(limits)), name);
  return from_picture(decode_image(bytes, name, limits),
                      std::string(format_name(*sniff_image_format(bytes))) + " picture", name);
}

ThermalFile load_thermal_file(const std::filesystem::path& path, const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(path.string())) return from_log(*log, limits);
  const std::string name = path == "-" ? "standard input" : path.string();
  if (path != "-" && kind_of_beginning(path) == Modality::kVideo)
    return from_film(VideoReader(path, film_limits(limits)), name);
  if (const auto start = read_start_of_flir_film(path, limits))
    return decode_thermal_file(*start, name, limits);
  return decode_thermal_file(read_file(path, limits.max_file_bytes), name, limits);
}

Image thermal_picture(ThermalFile file, const std::string& name, const ThermalRange& range) {
  check_range(range);
  return file.map ? scale_to_grey(*file.map, name, range) : std::move(file.picture);
}

Image decode_thermal(ByteView bytes, const std::string& name, const ThermalRange& range,
                     const ImageLimits& limits) {
  check_range(range);
  return thermal_picture(decode_thermal_file(bytes, name, limits), name, range);
}

Image load_thermal(const std::filesystem::path& path, const ThermalRange& range,
                   const ImageLimits& limits) {
  check_range(range);
  const std::string name = path == "-" ? "standard input" : path.string();
  return thermal_picture(load_thermal_file(path, limits), name, range);
}

}  // namespace pandagpt
