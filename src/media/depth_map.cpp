#include "media/depth_map.h"

#include <optional>
#include <vector>

#include "media/compressed_depth.h"
#include "media/heif.h"
#include "media/image_info.h"
#include "media/logs/log_inputs.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

/// The encodings that an 8-bit picture can have.
bool fits_eight_bits(DepthEncoding encoding) {
  return encoding == DepthEncoding::kDisparity || encoding == DepthEncoding::kInverse ||
         encoding == DepthEncoding::kRelativeInverse;
}

/// One grey level for each pixel.
ScalarMap decode_grey_picture(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  const Image image = decode_image(bytes, name, limits);
  ScalarMap map{image.width, image.height, true, {}};
  map.values.reserve(image.rgb.size() / 3);
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    if (image.rgb[i] != image.rgb[i + 1] || image.rgb[i] != image.rgb[i + 2])
      fail(name,
           "a picture in colours, not grey levels; colours of a palette can't be turned back into "
           "depth: save the numbers");
    map.values.push_back(image.rgb[i]);
  }
  map.report.format = "8-bit grey picture";
  return map;
}

[[noreturn]] void fail_eight_bits(const std::string& name, DepthEncoding encoding) {
  if (encoding == DepthEncoding::kAuto)
    fail(name,
         "a picture of 8 bits holds no depths; save 16-bit grey PNG, TIFF, EXR or NPY, or give "
         "--depth-encoding (in requests encoding): relative-inverse for an estimator's picture in "
         "which nearer is brighter, disparity with --depth-unit and --depth-camera");
  fail(name, "a picture of 8 bits can't have the encoding " + to_string(encoding) +
                 ", which has 16; save the numbers with 16 bits");
}

/// Of a PNG file.
bool has_sixteen_bits(ByteView bytes) {
  constexpr std::size_t kBitDepthAt = 24;
  constexpr int kSixteen = 16;
  return bytes.size() > kBitDepthAt && sniff_image_format(bytes) == ImageFormat::kPng &&
         bytes[kBitDepthAt] == kSixteen;
}

bool is_heif(ImageFormat format) {
  return format == ImageFormat::kHeic || format == ImageFormat::kAvif;
}

}  // namespace

ScalarMap decode_depth_map(ByteView bytes, const std::string& name, DepthEncoding encoding,
                           const ImageLimits& limits) {
  if (is_compressed_depth(bytes)) return decode_compressed_depth(bytes, "", name, limits);
  const std::optional<ImageFormat> picture = sniff_image_format(bytes);
  if (!picture || is_scalar_map(bytes) || (is_heif(*picture) && !has_libheif()))
    return decode_scalar_map(bytes, name, limits);
  if (bytes.size() > limits.max_file_bytes)
    fail(name, "larger than the limit of " + std::to_string(limits.max_file_bytes >> 20) + " MiB");
  if (is_heif(*picture)) return read_heif_depth(bytes, name, limits);
  if (fits_eight_bits(encoding)) return decode_grey_picture(bytes, name, limits);
  // Deeper pictures in colours, and what else TIFF can hold, have messages of their own.
  if (*picture == ImageFormat::kTiff || has_sixteen_bits(bytes))
    return decode_scalar_map(bytes, name, limits);
  fail_eight_bits(name, encoding);
}

ScalarMap load_depth_map(const std::filesystem::path& path, DepthEncoding encoding,
                         const ImageLimits& limits) {
  if (std::optional<LogInput> log = open_log(path.string())) return read_log_map(*log, limits);
  const std::string name = path == "-" ? "standard input" : path.string();
  return decode_depth_map(read_file(path, limits.max_file_bytes), name, encoding, limits);
}

}  // namespace pandagpt
