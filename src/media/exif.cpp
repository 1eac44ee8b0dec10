#include "media/exif.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>

#include "media/exif_camera.h"
#include "media/heif.h"
#include "media/image_chunks.h"

namespace pandagpt {
namespace {

constexpr std::uint16_t kTagTime = 306;
constexpr std::uint16_t kTagExifDirectory = 34665;
constexpr std::uint16_t kTagTimeTaken = 36867;
constexpr std::uint16_t kTagZoneTaken = 36881;

constexpr std::string_view kExifMark("Exif\0\0", 6);
constexpr std::size_t kLongestText = 256;

/// The directories of a TIFF structure that have texts.
class Directory {
 public:
  explicit Directory(ByteView tiff) : tiff_(tiff, ByteReader(tiff).u8(0) == 'M') {}

  std::size_t first() const { return tiff_.u32(4); }

  /// The text of a tag; empty if it isn't there.
  std::string text(std::size_t directory, std::uint16_t tag) const {
    const std::optional<std::size_t> entry = find(directory, tag);
    if (!entry) return {};
    constexpr std::size_t kInline = 4;
    const std::size_t length = std::min<std::size_t>(tiff_.u32(*entry + 4), kLongestText);
    const std::size_t at = length <= kInline ? *entry + 8 : tiff_.u32(*entry + 8);
    const ByteView view = tiff_.view(at, length);
    return {view.begin(), std::ranges::find(view, 0)};
  }

  std::optional<std::size_t> number(std::size_t directory, std::uint16_t tag) const {
    const std::optional<std::size_t> entry = find(directory, tag);
    return entry ? std::optional<std::size_t>(tiff_.u32(*entry + 8)) : std::nullopt;
  }

 private:
  std::optional<std::size_t> find(std::size_t directory, std::uint16_t tag) const {
    constexpr std::size_t kEntryBytes = 12;
    const std::size_t entries = tiff_.u16(directory);
    for (std::size_t i = 0; i < entries; ++i)
      if (tiff_.u16(directory + 2 + i * kEntryBytes) == tag) return directory + 2 + i * kEntryBytes;
    return std::nullopt;
  }

  ByteReader tiff_;
};

CaptureInfo capture_of_tiff(ByteView tiff) {
  const Directory file(tiff);
  const std::size_t main = file.first();
  CaptureInfo info;
  info.camera = read_exif_camera(tiff).name();
  std::string time, zone;
  if (const auto exif = file.number(main, kTagExifDirectory)) {
    time = file.text(*exif, kTagTimeTaken);
    zone = file.text(*exif, kTagZoneTaken);
  }
  info.time = shown_time(time, zone);
  // When the file was changed last, which is all that simpler cameras write.
  if (info.time.empty()) info.time = shown_time(file.text(main, kTagTime));
  return info;
}

ByteView without_mark(ByteView block) {
  return ByteReader(block).matches(0, kExifMark) ? block.subspan(kExifMark.size()) : block;
}

/// The EXIF block; empty without one. That of an HEIC file is put into `memory`.
ByteView find_exif(ByteView bytes, ImageFormat format, Bytes& memory) {
  ByteView found;
  const auto take_chunk = [&](const char* type) {
    return [&found, type](const Chunk& chunk) {
      if (chunk.type == type) found = chunk.payload;
      return found.empty();
    };
  };
  switch (format) {
    case ImageFormat::kJpeg:
      for_each_jpeg_segment(ByteReader(bytes, true), [&](const JpegSegment& segment) {
        if (segment.marker == jpeg::kApp1 && ByteReader(segment.payload).matches(0, kExifMark))
          found = segment.payload;
        return found.empty() && segment.marker != jpeg::kSos;
      });
      break;
    case ImageFormat::kPng:
      for_each_png_chunk(ByteReader(bytes, true), take_chunk("eXIf"));
      break;
    case ImageFormat::kWebp:
      for_each_riff_chunk(ByteReader(bytes), 12, take_chunk("EXIF"));
      break;
    case ImageFormat::kTiff:
      return bytes;
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      memory = heif_exif(bytes);
      found = memory;
      break;
    case ImageFormat::kBmp:
    case ImageFormat::kGif:
      break;
  }
  return without_mark(found);
}

bool has_form(const std::string& text, std::string_view form) {
  if (text.size() < form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const char c = text[i];
    if (form[i] == '0'   ? std::isdigit(static_cast<unsigned char>(c)) == 0
        : form[i] == '-' ? c != '-' && c != ':'
        : form[i] == ' ' ? c != ' ' && c != 'T'
                         : c != form[i])
      return false;
  }
  return true;
}

/// "Z", "+0100" or "-05:00" as it is shown behind a time; empty for anything else.
std::string zone_text(const std::string& zone) {
  if (zone == "Z") return " UTC";
  for (const char* form : {"+00:00", "-00:00"})
    if (has_form(zone, form)) return zone.substr(0, 6);
  for (const char* form : {"+0000", "-0000"})
    if (has_form(zone, form)) return zone.substr(0, 3) + ':' + zone.substr(3, 2);
  return {};
}

}  // namespace

std::string shown_time(const std::string& stamp, const std::string& zone) {
  constexpr std::string_view kForm = "0000-00-00 00:00:00";
  if (!has_form(stamp, kForm) || stamp.starts_with("0000")) return {};
  std::string time = stamp.substr(0, kForm.size());
  time[4] = time[7] = '-';
  time[10] = ' ';
  std::string rest = stamp.substr(kForm.size());
  if (rest.starts_with('.'))  // parts of a second
    rest.erase(0, std::min(rest.find_first_not_of("0123456789", 1), rest.size()));
  return time + zone_text(rest.empty() ? zone : rest);
}

CaptureInfo read_capture_info(ByteView bytes, ImageFormat format) {
  try {
    Bytes memory;
    const ByteView exif = find_exif(bytes, format, memory);
    return exif.empty() ? CaptureInfo() : capture_of_tiff(exif);
  } catch (const OutOfBytes&) {
    return {};
  }
}

}  // namespace pandagpt
