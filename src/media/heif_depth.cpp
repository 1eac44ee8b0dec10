#include "media/heif.h"

#ifdef PANDAGPT_HAVE_LIBHEIF

#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <string_view>

#include "core/time_limit.h"
#include "media/heif_file.h"
#include "media/heif_stream.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

/// What the lowest and the highest sample stand for.
struct Range {
  double low = 0, high = 0;
  MapUnit unit = MapUnit::kPerMetre;
  const char* why = "";
};

// --- XMP (Apple's http://ns.apple.com/pixeldatainfo/1.0/)
// -----------------------------------------

/// The value of a property, written as an element or as an attribute.
std::optional<std::string> xmp_value(std::string_view xmp, std::string_view property) {
  for (const std::string_view opening : {">", "=\"", "='"}) {
    std::string name(1, ':');
    name.append(property).append(opening);
    const std::size_t at = xmp.find(name);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = xmp.substr(at + name.size());
    const std::size_t end = rest.find(opening == ">" ? '<' : opening.back());
    if (end != std::string_view::npos) return std::string(rest.substr(0, end));
  }
  return std::nullopt;
}

std::optional<double> xmp_number(std::string_view xmp, std::string_view property) {
  const std::optional<std::string> text = xmp_value(xmp, property);
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (code != std::errc() || end != text->data() + text->size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

std::string read_xmp(const heif_image_handle* handle) {
  constexpr std::size_t kMostBytes = 1 << 20;
  heif_item_id id = 0;
  if (heif_image_handle_get_list_of_metadata_block_IDs(handle, "mime", &id, 1) != 1) return "";
  const std::size_t size = heif_image_handle_get_metadata_size(handle, id);
  if (size == 0 || size > kMostBytes) return "";
  std::string xmp(size, '\0');
  const heif_error error = heif_image_handle_get_metadata(handle, id, xmp.data());
  return error.code == heif_error_Ok ? xmp : "";
}

std::optional<Range> range_of_xmp(const heif_image_handle* depth) {
  const std::string xmp = read_xmp(depth);
  const std::optional<double> low = xmp_number(xmp, "FloatMinValue");
  const std::optional<double> high = xmp_number(xmp, "FloatMaxValue");
  if (!low || !high) return std::nullopt;
  const std::string type = xmp_value(xmp, "AuxiliaryImageType").value_or("disparity");
  const bool is_depth = type == "depth";
  if (!is_depth && type != "disparity") return std::nullopt;
  return Range{*low, *high, is_depth ? MapUnit::kMetres : MapUnit::kPerMetre,
               "its XMP, FloatMinValue and FloatMaxValue"};
}

// --- depth_representation_info -------------------------------------------------------------------

std::optional<Range> range_of_representation(const heif_image_handle* main, heif_item_id id) {
  const heif_depth_representation_info* found = nullptr;
  if (heif_image_handle_get_depth_image_representation_info(main, id, &found) == 0)
    return std::nullopt;
  const std::unique_ptr<const heif_depth_representation_info,
                        decltype(&heif_depth_representation_info_free)>
      info(found, heif_depth_representation_info_free);
  constexpr const char* kWhy = "its depth_representation_info";
  switch (info->depth_representation_type) {
    case heif_depth_representation_type_uniform_inverse_Z:
      if (info->has_z_near == 0 || info->has_z_far == 0) return std::nullopt;
      return Range{1 / info->z_far, 1 / info->z_near, MapUnit::kPerMetre, kWhy};
    case heif_depth_representation_type_uniform_Z:  // the highest sample is the nearest
      if (info->has_z_near == 0 || info->has_z_far == 0) return std::nullopt;
      return Range{info->z_far, info->z_near, MapUnit::kMetres, kWhy};
    case heif_depth_representation_type_uniform_disparity:
      if (info->has_d_min == 0 || info->has_d_max == 0) return std::nullopt;
      return Range{info->d_min, info->d_max, MapUnit::kPerMetre, kWhy};
    case heif_depth_representation_type_nonuniform_disparity:
      break;
  }
  return std::nullopt;
}

// --- Samples -------------------------------------------------------------------------------------

std::vector<float> samples_of(const heif_image* image, int bits) {
  int stride = 0;
  const std::uint8_t* rows = heif_image_get_plane_readonly(image, heif_channel_Y, &stride);
  const int width = heif_image_get_width(image, heif_channel_Y);
  const int height = heif_image_get_height(image, heif_channel_Y);
  std::vector<float> values;
  if (rows == nullptr) return values;
  values.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* row = rows + std::ptrdiff_t{y} * stride;
    for (int x = 0; x < width; ++x)
      values.push_back(bits <= 8 ? row[x] : static_cast<float>(row[2 * x] | row[2 * x + 1] << 8));
  }
  return values;
}

HeifOwned<const heif_image> decode(const heif_image_handle* depth, const std::string& name) {
  heif_image* result = nullptr;
  const heif_error error = heif_decode_image(depth, &result, heif_colorspace_monochrome,
                                             heif_chroma_monochrome, nullptr);
  throw_if_out_of_memory(error);
  HeifOwned<const heif_image> image(result);
  heif_error warning{};
  // A measurement is worth nothing when a part of it is made up.
  if (error.code != heif_error_Ok || heif_image_get_decoding_warnings(result, 0, &warning, 1) > 0)
    fail(name, "the depth map in the HEIC file is truncated or damaged (" +
                   text_of(error.code != heif_error_Ok ? error : warning) +
                   "); get a complete copy of it");
  return image;
}

std::uint64_t positive(int value) {
  return static_cast<std::uint64_t>(std::max(value, 0));
}

}  // namespace

ScalarMap read_heif_depth(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  constexpr int kMostBits = 16;
  TimeLimit::check(name);
  const HeifFile file(bytes);
  if (file.main() == nullptr) fail_unreadable_heif(name, ImageFormat::kHeic, file.error());
  heif_item_id id = 0;
  heif_image_handle* handle = nullptr;
  if (heif_image_handle_get_list_of_depth_image_IDs(file.main(), &id, 1) != 1 ||
      heif_image_handle_get_depth_image_handle(file.main(), id, &handle).code != heif_error_Ok)
    fail(name,
         "a picture without a depth map beside it; give one that has it (portrait mode), or "
         "a file of measurements");
  const HeifOwned<const heif_image_handle> depth(handle);
  const std::uint64_t width = positive(heif_image_handle_get_width(handle));
  const std::uint64_t height = positive(heif_image_handle_get_height(handle));
  check_map_size(width, height, name, limits);
  // A coded picture may be larger than its header says.
  check_map_size(std::max<std::uint64_t>(largest_coded_picture(bytes), 1), 1, name, limits);
  std::optional<Range> range = range_of_xmp(handle);
  if (!range) range = range_of_representation(file.main(), id);
  const int bits = heif_image_handle_get_luma_bits_per_pixel(handle);
  if (!range || !std::isfinite(range->low) || !std::isfinite(range->high) ||
      range->low == range->high || bits < 1 || bits > kMostBits)
    fail(name,
         "the depth map in the HEIC file has no range of its values (FloatMinValue, "
         "FloatMaxValue), so it gives no distances; give a file of measurements");
  const HeifOwned<const heif_image> image = decode(handle, name);
  ScalarMap map{static_cast<int>(width), static_cast<int>(height), false,
                samples_of(image.get(), bits)};
  if (map.values.size() != width * height)
    fail(name,
         "the depth map in the HEIC file has another size than its header says; get a "
         "complete copy of it");
  const double step = (range->high - range->low) / ((1 << bits) - 1);
  for (float& value : map.values)
    value = static_cast<float>(range->low + value * step);
  map.unit = range->unit;
  map.report.format = "depth map of an HEIC picture";
  map.report.add("numbers", range->unit == MapUnit::kMetres ? "metres" : "disparity, 1/m",
                 range->why);
  return map;
}

}  // namespace pandagpt

#else

namespace pandagpt {

ScalarMap read_heif_depth(ByteView, const std::string&, const ImageLimits&) {
  return {};
}

}  // namespace pandagpt

#endif
