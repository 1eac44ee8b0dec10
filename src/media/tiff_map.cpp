#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "media/scalar_map.h"
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

struct TiffLayout {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint16_t bits = 1;
  std::uint16_t channels = 1;
  std::uint16_t sample_format = SAMPLEFORMAT_UINT;

  bool is_map() const { return channels == 1 && bits > 8; }
};

TiffLayout read_layout(TIFF* tiff) {
  TiffLayout layout;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout.height);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &layout.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &layout.channels);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &layout.sample_format);
  return layout;
}

template <typename T>
void convert(const std::uint8_t* in, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, in + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

using RowConverter = void (*)(const std::uint8_t* in, std::size_t count, float* out);

/// nullptr if there is none for this type.
RowConverter find_converter(const TiffLayout& layout) {
  struct Row {
    std::uint16_t sample_format, bits;
    RowConverter converter;
  };
  constexpr Row kRows[] = {
      {SAMPLEFORMAT_UINT, 16, convert<std::uint16_t>},
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

/// Reads strips or tiles, all of `width` x `height` pixels. False when the data is damaged.
class BlockReader {
 public:
  BlockReader(TIFF* tiff, const TiffLayout& layout, RowConverter convert_row)
      : tiff_(tiff), layout_(layout), convert_row_(convert_row) {}

  bool read(float* out) {
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
    const std::size_t row_bytes = std::size_t{width} * layout_.bits / 8;
    const tmsize_t block_bytes = tiled ? TIFFTileSize(tiff_) : TIFFStripSize(tiff_);
    if (width == 0 || height == 0 || block_bytes <= 0 || (tiled && block_bytes > kLargestTile) ||
        static_cast<std::uint64_t>(block_bytes) != std::uint64_t{row_bytes} * height)
      return false;
    block_.resize(static_cast<std::size_t>(block_bytes));
    std::uint32_t index = 0;
    for (std::uint32_t top = 0; top < layout_.height; top += height) {
      const std::uint32_t rows = std::min(height, layout_.height - top);
      for (std::uint32_t left = 0; left < layout_.width; left += width, ++index) {
        const std::uint32_t columns = std::min(width, layout_.width - left);
        const std::size_t wanted = tiled ? block_.size() : row_bytes * rows;
        if (read_block(tiled, index, wanted) != static_cast<tmsize_t>(wanted)) return false;
        for (std::uint32_t y = 0; y < rows; ++y)
          convert_row_(block_.data() + y * row_bytes, columns,
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

void check_kind(const TiffLayout& layout, const std::string& name) {
  if (layout.channels != 1)
    fail(name, "the TIFF file has " + std::to_string(layout.channels) +
                   " channels, one was expected; save one channel of measurements");
  if (layout.bits <= 8)
    fail(name, "a TIFF file of " + std::to_string(layout.bits) +
                   " bits holds no measurements; save it with 16 or 32 bits");
  if (find_converter(layout) == nullptr)
    fail(name, "samples of " + std::to_string(layout.bits) +
                   " bits and this kind can't be read; save the TIFF file as 32-bit float");
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
  check_kind(layout, name);
  check_map_size(layout.width, layout.height, name, limits);
  ScalarMap map{static_cast<int>(layout.width), static_cast<int>(layout.height),
                layout.sample_format != SAMPLEFORMAT_IEEEFP,
                std::vector<float>(std::size_t{layout.width} * layout.height)};
  if (!BlockReader(tiff.get(), layout, find_converter(layout)).read(map.values.data()))
    fail_damaged();
  return map;
}

}  // namespace pandagpt
