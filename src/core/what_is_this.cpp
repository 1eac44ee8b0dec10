#include "core/what_is_this.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include "core/ascii.h"

namespace pandagpt {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kLfsPointer =
    "a Git LFS pointer instead of the file; run 'git lfs pull' in its repository";
constexpr std::string_view kWebPage =
    "a web page (HTML) instead of the file; download it again with its direct address";
constexpr std::string_view kServerError =
    "a server's error message instead of the file; download it again";
constexpr std::string_view kUnfinished =
    "empty at its beginning (zeros), as after an unfinished download; download it again";

constexpr std::string_view kRobotLog =
    "a robot's log; give a topic of it as a picture, a depth map or motion";

constexpr std::string_view kOldGgml =
    "a GGML file of an old llama.cpp; convert the model to GGUF anew";

struct Signature {
  std::size_t at;
  std::string_view bytes;
  std::string_view what;
};

constexpr std::array kArchives = std::to_array<Signature>({
    {0, "\x1F\x8B"sv, "a gzip file"},
    {0, "PK\x03\x04"sv, "a zip archive"},
    {257, "ustar"sv, "a tar archive"},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     "an xz file"},
    {0, "\x28\xB5\x2F\xFD"sv, "a zstd file"},
    {0, "BZh"sv, "a bzip2 file"},
    {0, "7z\xBC\xAF\x27\x1C"sv, "a 7-Zip archive"},
    {0, "Rar!"sv, "a RAR archive"},
});

constexpr std::array kModels = std::to_array<Signature>({
    {0, "GGUF"sv, "a GGUF file"},
    {0, "lmgg"sv, kOldGgml},
    {0, "fmgg"sv, kOldGgml},
    {0, "tjgg"sv, kOldGgml},
    {0, "\x93NUMPY"sv, "a NumPy array (.npy)"},
    {0, "\x89HDF\r\n"sv, "an HDF5 file"},
    {8, "{\""sv, "a safetensors file"},
    {0, "\x80\x02"sv, "a Python pickle (a torch checkpoint?)"},
    {0,
     "\x7F"
     "ELF"sv,
     "a program"},
    {0, "SQLite format 3"sv, "an SQLite database"},
    {0, "\x89MCAP"sv, kRobotLog},
    {0, "#ROSBAG V"sv, kRobotLog},
});

constexpr std::array kUnreadablePictures = std::to_array<Signature>({
    {0, "\xFF\x0A"sv, "a JPEG XL picture"},
    {4, "JXL \r\n\x87\n"sv, "a JPEG XL picture"},
    {4, "jP  \r\n\x87\n"sv, "a JPEG 2000 picture"},
    {0, "\xFF\x4F\xFF\x51"sv, "a JPEG 2000 picture"},
    {4, "ftypcrx "sv, "a camera's raw file (CR3)"},
    {8, "CR\x02\0"sv, "a camera's raw file (CR2)"},
    {0, "IIRO"sv, "a camera's raw file (ORF)"},
    {0, "IIRS"sv, "a camera's raw file (ORF)"},
    {0, "IIU\0"sv, "a camera's raw file (RW2)"},
    {0, "FUJIFILMCCD-RAW"sv, "a camera's raw file (RAF)"},
    {0, "FOVb"sv, "a camera's raw file (X3F)"},
    {0, "\0MRM"sv, "a camera's raw file (MRW)"},
    {0, "8BPS"sv, "a Photoshop file"},
});

constexpr std::array kMedia = std::to_array<Signature>({
    {0, "\xFF\xD8\xFF"sv, "a JPEG picture"},
    {0, "\x89PNG"sv, "a PNG picture"},
    {0, "GIF8"sv, "a GIF picture"},
    {0, "II*\0"sv, "a TIFF picture"},
    {0, "MM\0*"sv, "a TIFF picture"},
    {8, "WEBP"sv, "a WebP picture"},
    {4, "ftyphei"sv, "an HEIC picture"},
    {4, "ftypavif"sv, "an AVIF picture"},
    {4, "ftypmif1"sv, "an HEIF picture"},
    {8, "WAVE"sv, "a sound (WAV)"},
    {0, "fLaC"sv, "a sound (FLAC)"},
    {0, "OggS"sv, "a sound (Ogg)"},
    {0, "ID3"sv, "a sound (MP3)"},
    // MPEG audio without a tag: the first frame's sync word, version and layer
    {0, "\xFF\xFB"sv, "a sound (MP3)"},
    {0, "\xFF\xFA"sv, "a sound (MP3)"},
    {0, "\xFF\xF3"sv, "a sound (MP3)"},
    {0, "\xFF\xF2"sv, "a sound (MP3)"},
    {0, "\xFF\xE3"sv, "a sound (MP3)"},
    {0, "\xFF\xF1"sv, "a sound (AAC)"},
    {0, "\xFF\xF9"sv, "a sound (AAC)"},
    {8, "AIFF"sv, "a sound (AIFF)"},
    {8, "AIFC"sv, "a sound (AIFF)"},
    {0, "caff"sv, "a sound (CAF)"},
    {0, "#!AMR"sv, "a sound (AMR)"},
    {0, ".snd"sv, "a sound (AU)"},
    {0, "\x30\x26\xB2\x75\x8E\x66\xCF\x11"sv, "a video or sound (WMV or WMA)"},
    {4, "ftypM4A "sv, "a sound (M4A)"},
    {4, "ftypM4B "sv, "a sound (M4A)"},
    {4, "ftyp"sv, "a video (MP4 or MOV)"},
    {8, "AVI "sv, "a video (AVI)"},
    {0, "\x1A\x45\xDF\xA3"sv, "a video (Matroska or WebM)"},
    {0, "FLV\x01"sv, "a video (Flash)"},
    {0, "\0\0\1\xBA"sv, "a video (MPEG)"},
    {0, "\x76\x2F\x31\x01"sv, "an OpenEXR file"},
});

constexpr std::array kThermal = std::to_array<Signature>({
    {0, "FFF\0"sv, "a thermal measurement of FLIR's (FFF, SEQ, CSQ)"},
    {0, "AFF\0"sv, "a thermal measurement of FLIR's (SEQ)"},
});

/// In this order: what is more special comes first. Behind each kind what to do about it.
constexpr std::array<std::pair<std::span<const Signature>, std::string_view>, 5> kSignatures{{
    {kArchives, "; unpack it first"},
    {kModels, ""},
    {kUnreadablePictures, ", which can't be read; save it as JPEG or PNG first"},
    {kMedia, ""},
    {kThermal, "; give it as a thermal picture"},
}};

bool is_text(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) {
    return (c >= 0x20 && c != 0x7F) || c == '\n' || c == '\r' || c == '\t' || c == '\f';
  });
}

// Words that are found where a download went wrong.
std::string_view what_text_is(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  const std::string words = ascii_lower(text);
  if (words.starts_with("version https://git-lfs")) return kLfsPointer;
  const auto has = [&](std::string_view part) { return words.find(part) != std::string::npos; };
  if (words.starts_with("%pdf")) return "a PDF document; save its page as PNG first";
  if (words.starts_with("<!doctype html") || words.starts_with("<html")) return kWebPage;
  if (words.starts_with("<?xml") || words.starts_with("<error")) {
    if (has("<html")) return kWebPage;
    return has("<error") ? kServerError : "an XML text"sv;
  }
  if (words.starts_with("{") && (has("\"error\"") || has("\"detail\"") || has("\"message\"")))
    return kServerError;
  for (const std::string_view start :
       {"entry not found"sv, "invalid credentials"sv, "access denied"sv, "not found"sv,
        "repository not found"sv, "invalid username or password"sv, "404"sv, "unauthorized"sv})
    if (words.starts_with(start)) return kServerError;
  if (words.starts_with("{") || words.starts_with("[")) return "a JSON text";
  return "text";
}

}  // namespace

std::string what_is_this(ByteView beginning) {
  const std::string_view all(reinterpret_cast<const char*>(beginning.data()), beginning.size());
  const std::string_view text = all.substr(0, kTellingBytes);
  if (text.empty()) return "an empty file; get a complete copy of it";
  const bool is_ascii = static_cast<unsigned char>(text.front()) < 0x80;
  if (is_ascii && is_text(text)) return std::string(what_text_is(text));
  for (const auto& [signatures, advice] : kSignatures)
    for (const Signature& one : signatures)
      if (text.size() >= one.at && text.substr(one.at).starts_with(one.bytes))
        return std::string(one.what) + std::string(advice);
  constexpr std::size_t kZeros = 64;
  if (text.size() >= kZeros && text.find_first_not_of('\0') == std::string_view::npos)
    return std::string(kUnfinished);
  return is_text(text) ? std::string(what_text_is(text)) : "";
}

std::string what_is_this(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "";
  std::array<char, kTellingBytes> beginning{};
  in.read(beginning.data(), beginning.size());
  return what_is_this({reinterpret_cast<const std::uint8_t*>(beginning.data()),
                       static_cast<std::size_t>(in.gcount())});
}

bool is_text_by_mistake(const std::string& what) {
  return what == kLfsPointer || what == kWebPage || what.starts_with("a PDF");
}

std::string but_it_is(const std::string& what, const std::string& otherwise) {
  return what.empty() ? otherwise : ", but " + what;
}

}  // namespace pandagpt
