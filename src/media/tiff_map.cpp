#include <spdlog/fmt/fmt.h>
#include <tiffio.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

#include "core/warnings.h"
#include "media/gdal_tags.h"
#include "media/scalar_map.h"
#include "media/temperature_unit.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- libtiff on a buffer -------------------------------------------------------------------------

struct TiffBuffer {
  ByteView bytes;
  std::uint64_t at = 0;
  std::string complaint;  ///< libtiff's first one
};

tmsize_t read_buffer(thandle_t handle, void* out, tmsize_t size) {
  auto& buffer = *static_cast<TiffBuffer*>(handle);
  const std::uint64_t left =
      buffer.bytes.size() - std::min<std::uint64_t>(buffer.at, buffer.bytes.size());
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(left, static_cast<std::uint64_t>(size)));
  if (count > 0) std::memcpy(out, buffer.bytes.data() + buffer.at, count);
  buffer.at += count;
  return static_cast<tmsize_t>(count);
}

toff_t seek_buffer(thandle_t handle, toff_t offset, int whence) {
  auto& buffer = *static_cast<TiffBuffer*>(handle);
  if (whence == SEEK_SET) buffer.at = offset;
  if (whence == SEEK_CUR) buffer.at += offset;
  if (whence == SEEK_END) buffer.at = buffer.bytes.size() + offset;
  return buffer.at;
}

int note_complaint(TIFF*, void* data, const char*, const char* format, va_list arguments) {
  std::string& complaint = static_cast<TiffBuffer*>(data)->complaint;
  char line[256];
  if (complaint.empty() && vsnprintf(line, sizeof line, format, arguments) > 0) complaint = line;
  return 1;
}

struct TiffDeleter {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffPtr = std::unique_ptr<TIFF, TiffDeleter>;

/// `buffer` must outlive the result, which is null if the file can't be read.
TiffPtr open_tiff(TiffBuffer& buffer) {
  constexpr tmsize_t kMaxAllocation = tmsize_t{1} << 30;  // of libtiff for one strip or tile, bytes
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
      TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), note_complaint, &buffer);
  TIFFOpenOptionsSetWarningHandlerExtR(
      options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMaxAllocation);
  return TiffPtr(TIFFClientOpenExt(
      "", "rm", &buffer, read_buffer, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; },
      seek_buffer, [](thandle_t) { return 0; },
      [](thandle_t handle) -> toff_t { return static_cast<TiffBuffer*>(handle)->bytes.size(); },
      nullptr, nullptr, options.get()));
}

// --- Layout --------------------------------------------------------------------------------------

constexpr std::uint32_t kTagGdalMetadata = 42112;
constexpr std::uint32_t kTagGdalNodata = 42113;

struct TiffLayout {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint16_t bits = 1;
  std::uint16_t channels = 1;
  std::uint16_t n_alpha = 0;  ///< of the channels, behind the others
  std::uint16_t sample_format = SAMPLEFORMAT_UINT;
  std::uint16_t photometric = PHOTOMETRIC_MINISBLACK;
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  bool in_planes = false;  ///< one channel behind the other, not pixel by pixel

  /// Numbers of more than 8 bits, in one band or several that are no colours.
  bool is_map() const {
    const bool grey =
        photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
    return bits > 8 && (channels == 1 || grey);
  }
  int n_bands() const { return channels - n_alpha; }
  /// Of two bands the second may be a mask that isn't called one: its values tell.
  bool may_have_mask() const { return channels == 2 && n_alpha == 0; }
};

TiffLayout read_layout(TIFF* tiff) {
  TiffLayout layout;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout.height);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout.channels);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout.sample_format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &layout.orientation);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &layout.photometric);
  std::uint16_t planes = PLANARCONFIG_CONTIG;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planes);
  layout.in_planes = planes == PLANARCONFIG_SEPARATE && layout.channels > 1;
  std::uint16_t n_extra = 0;
  std::uint16_t* extra = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &n_extra, &extra) == 1)
    layout.n_alpha =
        static_cast<std::uint16_t>(std::count_if(extra, extra + n_extra, [](std::uint16_t kind) {
          return kind == EXTRASAMPLE_ASSOCALPHA || kind == EXTRASAMPLE_UNASSALPHA;
        }));
  return layout;
}

/// The text of a tag that libtiff doesn't know; "" if there is none.
std::string text_of_tag(TIFF* tiff, std::uint32_t tag) {
  std::uint32_t count = 0;
  const char* text = nullptr;
  if (TIFFGetField(tiff, tag, &count, &text) != 1 || text == nullptr) return "";
  std::string value(text, count);
  return value.substr(0, value.find('\0'));
}

/// Pictures of the file that are no smaller copies or masks of others; the first one is current
/// before and after.
std::int64_t count_pages(TIFF* tiff) {
  constexpr std::int64_t kMostPages = 10'000;
  char* description = nullptr;
  std::int64_t images = 0;  // ImageJ writes one directory for a whole stack
  if (TIFFGetField(tiff, TIFFTAG_IMAGEDESCRIPTION, &description) == 1) {
    const std::string text = description;
    const std::size_t at = text.find("\nimages=");
    if (text.starts_with("ImageJ=") && at != std::string::npos)
      images = std::strtol(text.c_str() + at + 8, nullptr, 10);
  }
  std::int64_t pages = 0;
  do {
    std::uint32_t kind = 0;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SUBFILETYPE, &kind);
    if ((kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0) ++pages;
  } while (pages < kMostPages && TIFFReadDirectory(tiff) == 1);
  TIFFSetDirectory(tiff, 0);
  return std::max(pages, images);
}

/// `step`: from one number of the channel to the next, in numbers.
template <typename T>
void convert(const std::uint8_t* in, std::size_t count, std::size_t step, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, in + i * step * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

using RowConverter = void (*)(const std::uint8_t* in, std::size_t count, std::size_t step,
                              float* out);

/// nullptr if there is none for this type.
RowConverter find_converter(const TiffLayout& layout) {
  struct Row {
    std::uint16_t sample_format, bits;
    RowConverter converter;
  };
  constexpr Row kRows[] = {
      {SAMPLEFORMAT_UINT, 16, convert<std::uint16_t>},
      {SAMPLEFORMAT_VOID, 16, convert<std::uint16_t>},
      {SAMPLEFORMAT_INT, 16, convert<std::int16_t>},
      {SAMPLEFORMAT_UINT, 32, convert<std::uint32_t>},
      {SAMPLEFORMAT_INT, 32, convert<std::int32_t>},
      {SAMPLEFORMAT_IEEEFP, 32, convert<float>},
      {SAMPLEFORMAT_IEEEFP, 64, convert<double>},
  };
  for (const Row& row : kRows)
    if (row.sample_format == layout.sample_format && row.bits == layout.bits) return row.converter;
  return nullptr;
}

// --- Pixels --------------------------------------------------------------------------------------

/// Reads one channel of strips or tiles, all of `width` x `height` pixels.
class BlockReader {
 public:
  BlockReader(TIFF* tiff, const TiffLayout& layout)
      : tiff_(tiff), layout_(layout), convert_row_(find_converter(layout)) {}

  /// [height, width] into `out`. False when the data is damaged.
  bool read(std::uint16_t channel, float* out) {
    constexpr tmsize_t kLargestTile = 64 << 20;  // bytes
    const bool tiled = TIFFIsTiled(tiff_) != 0;
    std::uint32_t width = layout_.width;
    std::uint32_t height = layout_.height;
    if (tiled) {
      TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &width);
      TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &height);
    } else {
      TIFFGetFieldDefaulted(tiff_, TIFFTAG_ROWSPERSTRIP, &height);
      height = std::min(height, layout_.height);
    }
    const std::size_t step = layout_.in_planes ? 1 : layout_.channels;
    const std::size_t row_bytes = std::size_t{width} * step * layout_.bits / 8;
    const tmsize_t block_bytes = tiled ? TIFFTileSize(tiff_) : TIFFStripSize(tiff_);
    if (width == 0 || height == 0 || block_bytes <= 0 || (tiled && block_bytes > kLargestTile) ||
        static_cast<std::uint64_t>(block_bytes) != std::uint64_t{row_bytes} * height)
      return false;
    block_.resize(static_cast<std::size_t>(block_bytes));
    const std::uint32_t down = (layout_.height - 1) / height + 1;
    const std::uint32_t across = (layout_.width - 1) / width + 1;
    std::uint32_t index = layout_.in_planes ? channel * down * across : 0;
    const std::size_t first = layout_.in_planes ? 0 : std::size_t{channel} * layout_.bits / 8;
    for (std::uint32_t top = 0; top < layout_.height; top += height) {
      const std::uint32_t rows = std::min(height, layout_.height - top);
      for (std::uint32_t left = 0; left < layout_.width; left += width, ++index) {
        const std::uint32_t columns = std::min(width, layout_.width - left);
        const std::size_t wanted = tiled ? block_.size() : row_bytes * rows;
        if (read_block(tiled, index, wanted) != static_cast<tmsize_t>(wanted)) return false;
        for (std::uint32_t y = 0; y < rows; ++y)
          convert_row_(block_.data() + y * row_bytes + first, columns, step,
                       out + (std::size_t{top} + y) * layout_.width + left);
      }
    }
    return true;
  }

 private:
  tmsize_t read_block(bool tiled, std::uint32_t index, std::size_t size) {
    const auto bytes = static_cast<tmsize_t>(size);
    return tiled ? TIFFReadEncodedTile(tiff_, index, block_.data(), bytes)
                 : TIFFReadEncodedStrip(tiff_, index, block_.data(), bytes);
  }

  TIFF* tiff_;
  TiffLayout layout_;
  RowConverter convert_row_;
  Bytes block_;
};

// --- What belongs to the pixels ------------------------------------------------------------------

/// "3 bands (1 "Red", 2, 3)".
std::string list_bands(const std::string& metadata, int n_bands) {
  constexpr int kMostNamed = 16;
  std::string list;
  for (int i = 0; i < std::min(n_bands, kMostNamed); ++i) {
    const std::string name = read_gdal_band(metadata, i).name;
    list += (i == 0 ? "" : ", ") + std::to_string(i + 1) +
            (name.empty() ? "" : " \"" + name.substr(0, 40) + "\"");
  }
  return std::to_string(n_bands) + " bands (" + list + (n_bands > kMostNamed ? ", .." : "") + ")";
}

[[noreturn]] void fail_bands(const TiffLayout& layout, const std::string& metadata,
                             const std::string& name) {
  fail(name, "the TIFF file has " + list_bands(metadata, layout.n_bands()) +
                 ", one was expected; save the band of the measurements alone");
}

void check_kind(const TiffLayout& layout, const std::string& metadata, const std::string& name) {
  constexpr int kMostChannels = 4;  // a band, and alpha in as many as nobody writes
  if (!layout.is_map() && layout.channels != 1)
    fail(name, "the TIFF file has " + std::to_string(layout.channels) +
                   " channels, one was expected; save one channel of measurements");
  if (layout.bits <= 8)
    fail(name, "a TIFF file of " + std::to_string(layout.bits) +
                   " bits holds no measurements; save it with 16 or 32 bits");
  if ((layout.n_bands() > 1 && !layout.may_have_mask()) || layout.channels > kMostChannels)
    fail_bands(layout, metadata, name);
  if (find_converter(layout) == nullptr)
    fail(name, "samples of " + std::to_string(layout.bits) +
                   " bits and this kind can't be read; save the TIFF file as 32-bit float");
}

/// Whether all of it is nothing (0) or one and the same other value.
bool is_mask(const std::vector<float>& band) {
  const auto other = std::ranges::find_if(band, [](float value) { return value != 0; });
  return other != band.end() &&
         std::all_of(other, band.end(), [&](float value) { return value == 0 || value == *other; });
}

void apply_nodata(ScalarMap& map, double nodata) {
  constexpr double kRounding = 1e-6;  // of numbers such as -3.40282346600000016e+38
  const double tolerance = map.integer ? 0 : kRounding * std::abs(nodata);
  std::size_t holes = 0;
  for (float& value : map.values) {
    if (!(std::abs(double(value) - nodata) <= tolerance)) continue;
    value = std::numeric_limits<float>::quiet_NaN();
    ++holes;
  }
  report_holes(map, holes, fmt::format("GDAL_NODATA {}", nodata));
}

/// Scale, offset and unit of the band, by GDAL.
void apply_band(ScalarMap& map, const GdalBand& band) {
  if (band.is_scaled()) {
    for (float& value : map.values)
      value = static_cast<float>(value * band.scale + band.offset);
    map.integer = false;
    map.report.add("scale", fmt::format("x {} + {}", band.scale, band.offset), "GDAL_METADATA");
  }
  if (const auto unit = temperature_unit_from_name(band.unit)) {
    turn_into_celsius(map.values, *unit);
    map.integer = false;
    map.unit = MapUnit::kCelsius;
    map.report.add("unit", band.unit, "GDAL_METADATA");
  } else if (band.unit == "m" || band.unit == "metre") {
    map.unit = MapUnit::kMetres;
    map.report.add("unit", "m", "GDAL_METADATA");
  }
}

void note_pages(ScalarMap& map, std::int64_t pages, const std::string& name) {
  if (pages < 2) return;
  map.report.add("pages", fmt::format("the first of {}", pages));
  warn(
      fmt::format("{}: the TIFF file has {} pages; the first one is used, save another one alone "
                  "to use that",
                  name, pages));
}

}  // namespace

bool is_tiff_map(ByteView bytes) {
  if (bytes.size() < 4 ||
      (std::memcmp(bytes.data(), "II", 2) != 0 && std::memcmp(bytes.data(), "MM", 2) != 0))
    return false;
  TiffBuffer buffer{bytes, 0, ""};
  const TiffPtr tiff = open_tiff(buffer);
  return tiff && read_layout(tiff.get()).is_map();
}

ScalarMap decode_tiff_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  TiffBuffer buffer{bytes, 0, ""};
  const auto fail_damaged = [&] {
    fail(name, "the TIFF file is truncated or damaged" +
                   (buffer.complaint.empty() ? "" : " (" + buffer.complaint + ")") +
                   "; get a complete copy of it");
  };
  const TiffPtr tiff = open_tiff(buffer);
  if (!tiff) fail_damaged();
  const TiffLayout layout = read_layout(tiff.get());
  const std::string metadata = text_of_tag(tiff.get(), kTagGdalMetadata);
  check_kind(layout, metadata, name);
  check_map_size(layout.width, layout.height, name, limits);
  ScalarMap map{static_cast<int>(layout.width), static_cast<int>(layout.height),
                layout.sample_format != SAMPLEFORMAT_IEEEFP,
                std::vector<float>(std::size_t{layout.width} * layout.height)};
  map.report.format =
      fmt::format("TIFF of {}-bit {}", layout.bits, map.integer ? "whole numbers" : "floats");
  BlockReader blocks(tiff.get(), layout);
  if (!blocks.read(0, map.values.data())) fail_damaged();
  if (const auto nodata = read_gdal_nodata(text_of_tag(tiff.get(), kTagGdalNodata)))
    apply_nodata(map, *nodata);
  if (layout.channels > 1) {
    std::vector<float> mask(map.values.size());
    if (!blocks.read(1, mask.data())) fail_damaged();
    if (layout.may_have_mask() && !is_mask(mask)) fail_bands(layout, metadata, name);
    apply_mask(map, mask);
    map.report.add("bands", "the first of 2, beside an alpha band");
  }
  apply_band(map, read_gdal_band(metadata, 0));
  turn_upright(map, layout.orientation, "TIFF tag 274");
  note_pages(map, count_pages(tiff.get()), name);
  return map;
}

}  // namespace pandagpt
