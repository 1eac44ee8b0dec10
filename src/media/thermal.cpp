#include "media/thermal.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include "media/logs/log_inputs.h"
#include "media/scalar_map.h"
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

double quantile(std::vector<float>& values, double q) {
  const auto at = static_cast<std::ptrdiff_t>(std::llround(q * double(values.size() - 1)));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

Image scale_to_grey(const ScalarMap& map, const std::string& name, const ThermalRange& range) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::kInput, name + ": " + why);
  };
  std::vector<float> finite;
  std::ranges::copy_if(map.values, std::back_inserter(finite),
                       [](float value) { return std::isfinite(value); });
  if (finite.empty()) fail("none of the measurements is a number; give another recording");
  const double low = range.coldest ? *range.coldest : quantile(finite, range.low_quantile);
  const double high = range.warmest ? *range.warmest : quantile(finite, range.high_quantile);
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

/// What a message of a robot's log holds.
Image grey_of_log(LogInput& log, const ThermalRange& range, const ImageLimits& limits) {
  check_range(range);
  std::variant<Image, ScalarMap> content = read_log_picture(log, Modality::kThermal, limits);
  if (const auto* map = std::get_if<ScalarMap>(&content))
    return scale_to_grey(*map, log.name, range);
  Image& image = std::get<Image>(content);
  turn_grey(image);
  return std::move(image);
}

}  // namespace

Image decode_thermal(ByteView bytes, const std::string& name, const ThermalRange& range,
                     const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(bytes, name)) return grey_of_log(*log, range, limits);
  check_range(range);
  if (is_scalar_map(bytes))
    return scale_to_grey(decode_scalar_map(bytes, name, limits), name, range);
  Image image = decode_image(bytes, name, limits);
  turn_grey(image);
  return image;
}

Image load_thermal(const std::filesystem::path& path, const ThermalRange& range,
                   const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(path.string()))
    return grey_of_log(*log, range, limits);
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_thermal(read_file(path, limits.max_file_bytes), name, range, limits);
}

}  // namespace pandagpt
