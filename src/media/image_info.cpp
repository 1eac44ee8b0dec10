#include "media/image_info.h"

#include <algorithm>
#include <optional>

#include "core/what_is_this.h"
#include "media/heif.h"
#include "media/image_chunks.h"
#include "media/media_kind.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

std::string supported_formats() {
  return std::string("JPEG, PNG, WebP, BMP, GIF") +
         (has_libheif() ? ", TIFF, HEIC and AVIF" : " and TIFF") + " are supported";
}

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// HEIF files name their kinds ("brands") at the beginning: a main one, then all that fit.
std::optional<ImageFormat> sniff_heif(const ByteReader& file) {
  if (!file.matches(4, "ftyp")) return std::nullopt;
  std::size_t end = 16;
  if (file.matches(8, "mif1") || file.matches(8, "mif2") || file.matches(8, "miaf") ||
      file.matches(8, "msf1"))
    end = std::min<std::size_t>(file.size(), ByteReader(file.view(0, 4), true).u32(0));
  bool is_heif = end > 16;  // a picture or pictures of any codec
  for (std::size_t at = 8; at + 4 <= end; at += at == 8 ? 8 : 4) {
    if (file.matches(at, "avif") || file.matches(at, "avis")) return ImageFormat::kAvif;
    for (const char* brand : {"heic", "heix", "heim", "heis", "hevc", "hevx"})
      if (file.matches(at, brand)) return ImageFormat::kHeic;
  }
  return is_heif ? std::optional(ImageFormat::kHeic) : std::nullopt;
}

// What the file seems to be instead, for the error line.
std::string describe_other(ByteView bytes) {
  const std::string what = what_is_this(bytes);
  if (what.starts_with("a video")) return what + ", not a picture; give it as a video";
  if (what.starts_with("a sound")) return what + ", not a picture; give it as a sound";
  if (what.find(';') != std::string::npos) return what;
  return (what.empty() ? "not a picture that can be read" : what + ", not a picture") + "; " +
         supported_formats();
}

// --- EXIF ------------------------------------------------------------------------------------

constexpr std::uint16_t kTagSubfileType = 254;
constexpr std::uint16_t kTagWidth = 256;
constexpr std::uint16_t kTagHeight = 257;
constexpr std::uint16_t kTagBitsPerSample = 258;
constexpr std::uint16_t kTagCompression = 259;
constexpr std::uint16_t kTagOrientation = 274;
constexpr std::uint16_t kTagSubDirectories = 330;
constexpr std::uint16_t kTagSampleFormat = 339;
constexpr std::uint16_t kTagDngVersion = 50706;

struct TiffTags {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t compression = 1;
  std::uint32_t bits_per_sample = 1;
  std::uint32_t sample_format = 1;  // 1 and 2: whole numbers, 3: floats
  int orientation = 1;
  bool is_reduced = false;  // a small copy of the picture
  bool has_others = false;  // further pictures in directories of its own
  bool is_dng = false;
};

// The first directory of a TIFF file or of an EXIF block, which is built the same way.
TiffTags read_tiff_tags(ByteView bytes) {
  constexpr std::uint16_t kTypeShort = 3;
  constexpr std::size_t kEntryBytes = 12;
  const ByteReader tiff(bytes, ByteReader(bytes).u8(0) == 'M');
  const std::size_t directory = tiff.u32(4);
  const std::size_t entries = tiff.u16(directory);
  TiffTags tags;
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    const std::uint16_t tag = tiff.u16(entry);
    const bool is_short = tiff.u16(entry + 2) == kTypeShort;
    const std::uint32_t value = is_short ? tiff.u16(entry + 8) : tiff.u32(entry + 8);
    // One number a channel: of more than two the entry holds the place.
    const auto of_first_channel = [&] {
      return is_short && tiff.u32(entry + 4) > 2 ? tiff.u16(tiff.u32(entry + 8)) : value;
    };
    if (tag == kTagWidth) tags.width = value;
    if (tag == kTagHeight) tags.height = value;
    if (tag == kTagBitsPerSample) tags.bits_per_sample = of_first_channel();
    if (tag == kTagSampleFormat) tags.sample_format = of_first_channel();
    if (tag == kTagCompression) tags.compression = value;
    if (tag == kTagSubfileType) tags.is_reduced = (value & 1) != 0;
    if (tag == kTagSubDirectories) tags.has_others = true;
    if (tag == kTagDngVersion) tags.is_dng = true;
    if (tag == kTagOrientation) tags.orientation = value >= 1 && value <= 8 ? int(value) : 1;
  }
  return tags;
}

// A damaged EXIF block must not cost the picture.
int read_exif_orientation(ByteView block) {
  if (ByteReader(block).matches(0, {"Exif\0\0", 6})) block = block.subspan(6);
  try {
    return read_tiff_tags(block).orientation;
  } catch (const OutOfBytes&) {
    return 1;
  }
}

// --- One function a format -------------------------------------------------------------------

void read_jpeg(ByteView bytes, ImageInfo& info) {
  const auto read = [&](const JpegSegment& segment) {
    const ByteReader payload(segment.payload, true);
    if (segment.marker == jpeg::kApp1 && payload.matches(0, {"Exif\0\0", 6}))
      info.orientation = read_exif_orientation(segment.payload);
    if (jpeg::is_sof(segment.marker)) {
      info.height = payload.u16(1);
      info.width = payload.u16(3);
    }
    return segment.marker != jpeg::kSos;
  };
  try {
    for_each_jpeg_segment(ByteReader(bytes, true), read);
  } catch (const OutOfScan&) {
    // The headers were whole; make_image_packet() judges the scan.
  }
}

void read_png(ByteView bytes, ImageInfo& info) {
  const ByteReader file(bytes, true);
  info.width = file.u32(16);
  info.height = file.u32(20);
  for_each_png_chunk(file, [&](const Chunk& chunk) {
    if (chunk.type == "eXIf") info.orientation = read_exif_orientation(chunk.payload);
    return true;
  });
}

void read_webp(const ByteReader& file, ImageInfo& info) {
  bool have_canvas = false;
  for_each_riff_chunk(file, 12, [&](const Chunk& chunk) {
    const ByteReader payload(chunk.payload);
    if (chunk.type == "VP8X") {
      info.width = payload.u24(4) + 1;
      info.height = payload.u24(7) + 1;
      have_canvas = true;
    } else if (chunk.type == "VP8 " && !have_canvas) {
      info.width = payload.u16(6) & 0x3FFF;
      info.height = payload.u16(8) & 0x3FFF;
    } else if (chunk.type == "VP8L" && !have_canvas) {
      info.width = (payload.u32(1) & 0x3FFF) + 1;
      info.height = (payload.u32(1) >> 14 & 0x3FFF) + 1;
    } else if (chunk.type == "EXIF") {
      info.orientation = read_exif_orientation(chunk.payload);
    }
    return true;
  });
  if (info.width == 0) throw OutOfBytes();  // the file ends before its first picture
}

void read_bmp(const ByteReader& file, ImageInfo& info) {
  constexpr std::uint32_t kCoreHeaderBytes = 12;
  if (file.u32(14) == kCoreHeaderBytes) {
    info.width = file.u16(18);
    info.height = file.u16(20);
    return;
  }
  info.width = file.u32(18);
  const auto height = static_cast<std::int32_t>(file.u32(22));  // negative: rows from the top
  info.height =
      height < 0 ? 0U - static_cast<std::uint32_t>(height) : static_cast<std::uint32_t>(height);
}

void read_gif(const ByteReader& file, ImageInfo& info) {
  const std::size_t frame = find_gif_frame(file, false).descriptor;
  // A first picture that sticks out widens the canvas, as in Pillow.
  info.width = std::max<std::uint32_t>(file.u16(6), file.u16(frame + 1) + file.u16(frame + 5));
  info.height = std::max<std::uint32_t>(file.u16(8), file.u16(frame + 3) + file.u16(frame + 7));
}

void read_tiff(ByteView bytes, const std::string& name, ImageInfo& info) {
  constexpr std::uint32_t kOldJpeg = 6;
  constexpr std::uint32_t kJpeg = 7;
  const TiffTags tags = read_tiff_tags(bytes);
  // Raw files of cameras begin with a thumbnail; what the sensor saw is in another directory.
  if (tags.is_dng || (tags.is_reduced && tags.has_others) || has_raw_ending(name))
    fail(name,
         "a camera's raw file (DNG, NEF or such), which can't be read; save it as JPEG or PNG "
         "first");
  // FFmpeg gives black or wrongly coloured pictures for many of these.
  if (tags.compression == kOldJpeg || tags.compression == kJpeg)
    fail(name, "a TIFF file with JPEG compression can't be read; save it as JPEG or PNG first");
  constexpr std::uint32_t kLongestOfPictures = 16;  // bits
  constexpr std::uint32_t kFloats = 3;
  if (tags.bits_per_sample > kLongestOfPictures || tags.sample_format == kFloats)
    fail(name, "a TIFF file of measurements (" + std::to_string(tags.bits_per_sample) + "-bit " +
                   (tags.sample_format == kFloats ? "floats" : "numbers") +
                   "), not a picture; give it as a thermal picture or a depth map, or save it with "
                   "8 bits");
  info.width = tags.width;
  info.height = tags.height;
  info.orientation = tags.orientation;
}

void read_heif(ByteView bytes, const std::string& name, ImageInfo& info) {
  if (!has_libheif())
    fail(name, std::string("an ") + format_name(info.format) +
                   " picture, which this build can't read (it was made without libheif); save it "
                   "as JPEG or PNG first");
  read_heif_size(bytes, name, info);
}

void read_format(ByteView bytes, const ByteReader& file, const std::string& name, ImageInfo& info) {
  switch (info.format) {
    case ImageFormat::kJpeg:
      return read_jpeg(bytes, info);
    case ImageFormat::kPng:
      return read_png(bytes, info);
    case ImageFormat::kWebp:
      return read_webp(file, info);
    case ImageFormat::kBmp:
      return read_bmp(file, info);
    case ImageFormat::kGif:
      return read_gif(file, info);
    case ImageFormat::kTiff:
      return read_tiff(bytes, name, info);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return read_heif(bytes, name, info);
  }
}

}  // namespace

std::optional<ImageFormat> sniff_image_format(ByteView beginning) {
  const ByteReader file(beginning);
  if (file.matches(0, "\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (file.matches(0, "\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (file.matches(0, "RIFF") && file.matches(8, "WEBP")) return ImageFormat::kWebp;
  if (file.matches(0, "GIF87a") || file.matches(0, "GIF89a")) return ImageFormat::kGif;
  const bool is_tiff = file.matches(0, {"II*\0", 4}) || file.matches(0, {"MM\0*", 4});
  if (is_tiff && !file.matches(8, {"CR\2\0", 4})) return ImageFormat::kTiff;  // no Canon raw file
  if (file.matches(0, "BM")) return ImageFormat::kBmp;
  return sniff_heif(file);
}

std::pair<std::uint32_t, std::uint32_t> upright_size(const ImageInfo& info) {
  constexpr int kFirstTurned = 5;  // EXIF: from here on width and height change places
  const bool is_turned = info.orientation >= kFirstTurned;
  return {is_turned ? info.height : info.width, is_turned ? info.width : info.height};
}

const char* format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kGif:
      return "GIF";
    case ImageFormat::kTiff:
      return "TIFF";
    case ImageFormat::kHeic:
      return "HEIC";
    case ImageFormat::kAvif:
      return "AVIF";
  }
  return "unknown";
}

ImageInfo read_image_info(ByteView bytes, const std::string& name) {
  if (bytes.empty()) fail(name, "the file is empty; give a picture");
  const ByteReader file(bytes);
  const std::optional<ImageFormat> format = sniff_image_format(bytes);
  if (!format) fail(name, describe_other(bytes));
  ImageInfo info{.format = *format};
  try {
    read_format(bytes, file, name, info);
  } catch (const OutOfBytes&) {
    fail(name, std::string("the ") + format_name(*format) +
                   " file is truncated or damaged; get a complete copy of it");
  }
  return info;
}

}  // namespace pandagpt
