#include "media/exif_camera.h"

#include "core/ascii.h"
#include "media/byte_reader.h"

namespace pandagpt {
namespace {

constexpr std::uint16_t kTagMaker = 271;
constexpr std::uint16_t kTagModel = 272;
constexpr std::uint16_t kTagOrientation = 274;

std::string read_text(const ByteReader& tiff, std::size_t entry) {
  constexpr std::size_t kInEntry = 4, kLongest = 64;
  const std::size_t length = tiff.u32(entry + 4);
  const std::size_t at = length <= kInEntry ? entry + 8 : tiff.u32(entry + 8);
  std::string text;
  for (const std::uint8_t byte : tiff.view(at, length)) {
    if (byte < 0x20 || byte > 0x7E || text.size() == kLongest) break;
    text += static_cast<char>(byte);
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace

std::string ExifCamera::name() const {
  // "Canon" "Canon EOS 5D", "NIKON CORPORATION" "NIKON D750"
  const std::string brand = ascii_lower(maker.substr(0, maker.find(' ')));
  if (model.empty() || ascii_lower(model).starts_with(brand)) return model.empty() ? maker : model;
  return maker.empty() ? model : maker + " " + model;
}

ExifCamera read_exif_camera(ByteView block) {
  constexpr std::size_t kEntryBytes = 12;
  if (ByteReader(block).matches(0, {"Exif\0\0", 6})) block = block.subspan(6);
  ExifCamera camera;
  try {
    const ByteReader tiff(block, ByteReader(block).u8(0) == 'M');
    const std::size_t directory = tiff.u32(4);
    const std::size_t n_entries = tiff.u16(directory);
    for (std::size_t i = 0; i < n_entries; ++i) {
      const std::size_t entry = directory + 2 + i * kEntryBytes;
      const std::uint16_t tag = tiff.u16(entry);
      if (tag == kTagMaker) camera.maker = read_text(tiff, entry);
      if (tag == kTagModel) camera.model = read_text(tiff, entry);
      if (tag == kTagOrientation) camera.orientation = tiff.u16(entry + 8);
    }
  } catch (const OutOfBytes&) {
    // What was read before is used.
  }
  return camera;
}

}  // namespace pandagpt
