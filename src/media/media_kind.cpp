#include "media/media_kind.h"

#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include "core/ascii.h"
#include "core/what_is_this.h"
#include "media/byte_reader.h"
#include "media/image_info.h"
#include "media/media_input.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using std::string_view_literals::operator""sv;

struct Endings {
  Modality kind;
  std::string_view list;  // each between spaces
};
constexpr std::array<Endings, 3> kEndings{{
    {Modality::kImage,
     " jpg jpeg jpe jfif jif pjpeg pjp png apng webp bmp dib gif tif tiff"
     " heic heif heics heifs hif avif avifs jxl jp2 j2k jpf jpx j2c ppm pgm pnm "},
    {Modality::kVideo,
     " mp4 m4v mov qt mkv webm avi divx mpg mpeg mpe m1v m2v mpv vob wmv asf flv f4v ts mts m2ts"
     " m2t 3gp 3gpp 3g2 ogv ogm mxf dv rm rmvb h264 264 hevc h265 265 ivf "},
    {Modality::kAudio,
     " wav wave w64 bwf rf64 flac mp3 mp2 mpa ogg oga opus spx m4a m4b m4r aac adts ac3 eac3 wma"
     " aif aiff aifc au snd caf amr awb ape tta wv mka weba "},
}};
// Pictures too, which are refused by name.
constexpr std::string_view kRawEndings =
    " dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef srw x3f erf kdc dcr mrw 3fr iiq rwl ";

// ".JPG" -> " jpg ", or "" if there is none.
std::string spaced_ending(const fs::path& path) {
  std::string ending = ascii_lower(path.extension().string());
  if (ending.size() < 2) return "";
  ending.front() = ' ';
  return ending + ' ';
}

bool holds(std::string_view list, const std::string& ending) {
  return !ending.empty() && list.find(ending) != std::string_view::npos;
}

// ISO/IEC 11172-3: a frame header, whose bit rate and sampling rate may not have all bits set.
bool is_mpeg_audio(std::string_view text) {
  if (text.size() < 4) return false;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  return byte(0) == 0xFF && (byte(1) == 0xFB || byte(1) == 0xF3 || byte(1) == 0xF2) &&
         (byte(2) & 0xF0) != 0xF0 && (byte(2) & 0xF0) != 0 && (byte(2) & 0x0C) != 0x0C;
}

// Packets of 188 bytes begin with 'G'; in .m2ts files a time of 4 bytes stands before each.
bool is_transport_stream(std::string_view text) {
  constexpr std::size_t kPacketBytes = 188;
  const auto syncs = [&](std::size_t at, std::size_t step) {
    return text.size() > at + 2 * step && text[at] == 'G' && text[at + step] == 'G' &&
           text[at + 2 * step] == 'G';
  };
  return syncs(0, kPacketBytes) || syncs(4, kPacketBytes + 4);
}

std::optional<Modality> kind_of_riff(std::string_view form) {
  if (form == "WAVE") return Modality::kAudio;
  if (form == "AVI ") return Modality::kVideo;
  return std::nullopt;
}

}  // namespace

std::optional<Modality> modality_of_extension(const fs::path& path) {
  const std::string ending = spaced_ending(path);
  if (holds(kRawEndings, ending)) return Modality::kImage;
  for (const Endings& one : kEndings)
    if (holds(one.list, ending)) return one.kind;
  return std::nullopt;
}

std::vector<std::string> endings_of(Modality kind) {
  std::vector<std::string> endings;
  const auto add = [&](std::string_view list) {
    std::istringstream words{std::string(list)};
    for (std::string word; words >> word;)
      endings.push_back(word);
  };
  for (const Endings& one : kEndings)
    if (one.kind == kind) add(one.list);
  if (kind == Modality::kImage) add(kRawEndings);
  return endings;
}

bool has_raw_ending(const fs::path& path) {
  return holds(kRawEndings, spaced_ending(path));
}

std::optional<Modality> kind_of_beginning(ByteView beginning) {
  const auto format = sniff_image_format(beginning);
  if (format && *format != ImageFormat::kBmp) return Modality::kImage;  // "BM" begins many things
  const std::string_view text(reinterpret_cast<const char*>(beginning.data()), beginning.size());
  const auto at = [&](std::size_t offset, std::string_view magic) {
    return text.size() >= offset && text.substr(offset).starts_with(magic);
  };
  for (const auto magic : {"RIFF"sv, "RIFX"sv, "RF64"sv})
    if (at(0, magic) && text.size() >= 12) return kind_of_riff(text.substr(8, 4));
  if (at(0, "OggS")) return text.find("theora") < 64 ? Modality::kVideo : Modality::kAudio;
  if (at(0, "FORM") && (at(8, "AIFF") || at(8, "AIFC"))) return Modality::kAudio;
  for (const auto magic : {"fLaC"sv, "ID3"sv, "caff\0\1"sv, ".snd"sv, "#!AMR"sv, "wvpk"sv, "TTA1"sv,
                           "MAC "sv, "riff\x2E\x91\xCF\x11"sv})
    if (at(0, magic)) return Modality::kAudio;
  if (is_mpeg_audio(text)) return Modality::kAudio;
  if (at(4, "ftyp")) {
    if (at(8, "crx ")) return Modality::kImage;  // a raw file, which is refused by name
    return at(8, "M4A ") || at(8, "M4B ") ? Modality::kAudio : Modality::kVideo;
  }
  // Matroska and WebM, ASF (WMV, WMA), Flash video, MPEG program streams
  for (const auto magic :
       {"\x1A\x45\xDF\xA3"sv, "\x30\x26\xB2\x75\x8E\x66\xCF\x11"sv, "FLV\1"sv, "\0\0\1\xBA"sv})
    if (at(0, magic)) return Modality::kVideo;
  if (is_transport_stream(text)) return Modality::kVideo;
  return std::nullopt;
}

std::optional<Modality> kind_of_beginning(const fs::path& path) {
  std::array<char, kTellingBytes + 64> beginning{};
  std::ifstream in(path, std::ios::binary);
  in.read(beginning.data(), beginning.size());
  return kind_of_beginning({reinterpret_cast<const std::uint8_t*>(beginning.data()),
                            static_cast<std::size_t>(in.gcount())});
}

Modality media_kind(ByteView bytes, const std::string& name) {
  if (sniff_image_format(bytes)) return Modality::kImage;
  const ByteReader file(bytes);
  if (file.matches(0, "RIFX") && file.matches(8, "WAVE")) return Modality::kAudio;  // media/wav.h
  MediaInput input(bytes, name);
  return input.find_stream(AVMEDIA_TYPE_VIDEO) != nullptr ? Modality::kVideo : Modality::kAudio;
}

}  // namespace pandagpt
