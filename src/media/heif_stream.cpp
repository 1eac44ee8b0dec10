#include "media/heif_stream.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "media/byte_reader.h"

namespace pandagpt {
namespace {

// A hostile file could name very many parts.
constexpr std::size_t kMaxParts = 1 << 16;

// --- Boxes: ISO/IEC 14496-12 --------------------------------------------------------------------

struct Box {
  std::string type;
  ByteView content;
};

std::uint64_t be64(const ByteReader& file, std::size_t at) {
  return std::uint64_t{file.u32(at)} << 32 | file.u32(at + 4);
}

// The boxes of `bytes`, up to the first that doesn't fit.
std::vector<Box> boxes_of(ByteView bytes) {
  std::vector<Box> boxes;
  const ByteReader file(bytes, true);
  for (std::size_t at = 0; at + 8 <= bytes.size() && boxes.size() < kMaxParts;) {
    std::uint64_t size = file.u32(at);
    std::size_t head = 8;
    if (size == 1 && at + 16 <= bytes.size()) size = be64(file, at + 8), head = 16;
    if (size == 0) size = bytes.size() - at;  // up to the end
    if (size < head || size > bytes.size() - at) break;
    const ByteView type = file.view(at + 4, 4);
    boxes.push_back({{type.begin(), type.end()}, bytes.subspan(at + head, size - head)});
    at += size;
  }
  return boxes;
}

ByteView find_box(const std::vector<Box>& boxes, const char* type) {
  const auto found = std::ranges::find(boxes, type, &Box::type);
  return found == boxes.end() ? ByteView() : found->content;
}

// Numbers of 0, 4 or 8 bytes one after another, as in an item location box.
class Cursor {
 public:
  Cursor(ByteView bytes, std::size_t at) : file_(bytes, true), at_(at) {}

  std::uint64_t next(std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value << 8 | file_.u8(at_++);
    return value;
  }

 private:
  ByteReader file_;
  std::size_t at_;
};

struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t length = 0;
  bool is_in_idat = false;  // else in the file
};

std::map<std::uint64_t, std::vector<Extent>> read_locations(ByteView iloc) {
  Cursor in(iloc, 0);
  const std::uint64_t version = in.next(1);
  in.next(3);
  const std::uint64_t sizes = in.next(2);
  const std::size_t offset_size = sizes >> 12, length_size = sizes >> 8 & 15;
  const std::size_t base_size = sizes >> 4 & 15, index_size = version == 0 ? 0 : sizes & 15;
  const std::size_t id_size = version < 2 ? 2 : 4;
  std::map<std::uint64_t, std::vector<Extent>> locations;
  const std::uint64_t n_items = in.next(id_size);
  std::size_t n_extents_left = kMaxParts;
  for (std::uint64_t i = 0; i < n_items && i < kMaxParts; ++i) {
    std::vector<Extent>& extents = locations[in.next(id_size)];
    const bool is_in_idat = version > 0 && (in.next(2) & 15) == 1;
    in.next(2);
    const std::uint64_t base = in.next(base_size);
    for (std::uint64_t n = in.next(2); n > 0 && n_extents_left > 0; --n, --n_extents_left) {
      in.next(index_size);
      const std::uint64_t begin = base + in.next(offset_size);
      extents.push_back({begin, in.next(length_size), is_in_idat});
    }
  }
  return locations;
}

// Types of items ("hvc1") by their number.
std::map<std::uint64_t, std::string> read_types(ByteView iinf) {
  std::map<std::uint64_t, std::string> types;
  if (iinf.size() < 8) return types;
  for (const Box& one : boxes_of(iinf.subspan(iinf[0] == 0 ? 6 : 8))) {
    if (one.type != "infe" || one.content.size() < 4) continue;
    Cursor in(one.content, 0);
    const std::uint64_t version = in.next(1);
    in.next(3);
    const std::uint64_t id = in.next(version < 3 ? 2 : 4);
    in.next(2);
    std::string& type = types[id];
    for (int i = 0; i < 4; ++i)
      type += static_cast<char>(in.next(1));
  }
  return types;
}

// --- Bits ---------------------------------------------------------------------------------------

class BitReader {
 public:
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}

  std::uint64_t bits(int count) {
    std::uint64_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      if (at_ / 8 >= bytes_.size()) throw OutOfBytes();
      value = value << 1 | (bytes_[at_ / 8] >> (7 - at_ % 8) & 1U);
    }
    return value;
  }
  bool flag() { return bits(1) != 0; }
  void skip(int count) { bits(count); }

  /// Exp-Golomb (HEVC's ue(v), AV1's uvlc): as many zeros as bits follow the one.
  std::uint64_t golomb() {
    int zeros = 0;
    while (!flag())
      if (++zeros > 32) throw OutOfBytes();
    return (std::uint64_t{1} << zeros) - 1 + bits(zeros);
  }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
};

// --- HEVC: ITU-T H.265 ---------------------------------------------------------------------------

constexpr int kSequenceParameterSet = 33;
constexpr std::size_t kUnitHeadBytes = 2;

int unit_type(ByteView unit) {
  return unit.empty() ? -1 : unit[0] >> 1 & 0x3F;
}

// 7.4.2: in "0 0 3" the 3 only keeps the bytes from looking like a start code.
Bytes without_emulation(ByteView unit) {
  Bytes bytes;
  for (std::size_t i = 0; i < unit.size(); ++i)
    if (i < 2 || unit[i] != 3 || unit[i - 1] != 0 || unit[i - 2] != 0) bytes.push_back(unit[i]);
  return bytes;
}

// 7.3.3
void skip_profile_tier_level(BitReader& in, int n_sub_layers) {
  constexpr int kProfileBits = 88, kLevelBits = 8, kMaxSubLayers = 8;
  in.skip(kProfileBits + kLevelBits);
  std::vector<std::pair<bool, bool>> present;
  for (int i = 0; i < n_sub_layers; ++i) {
    const bool profile = in.flag();
    present.emplace_back(profile, in.flag());
  }
  if (n_sub_layers > 0) in.skip(2 * (kMaxSubLayers - n_sub_layers));
  for (const auto& [profile, level] : present)
    in.skip((profile ? kProfileBits : 0) + (level ? kLevelBits : 0));
}

// 7.3.2.2
std::uint64_t pixels_of_parameter_set(ByteView unit) {
  constexpr std::size_t kEnoughBytes = 512;
  constexpr std::uint64_t kChroma444 = 3;
  const Bytes bytes = without_emulation(unit.first(std::min(unit.size(), kEnoughBytes)));
  if (bytes.size() <= kUnitHeadBytes) return 0;
  BitReader in(ByteView(bytes).subspan(kUnitHeadBytes));
  in.skip(4);
  const auto n_sub_layers = static_cast<int>(in.bits(3));
  in.skip(1);
  skip_profile_tier_level(in, n_sub_layers);
  in.golomb();
  if (in.golomb() == kChroma444) in.skip(1);
  const std::uint64_t width = in.golomb();
  return width * in.golomb();
}

// Units of ISO/IEC 14496-15: a length of `length_size` bytes before each.
std::uint64_t pixels_of_units(ByteView data, std::size_t length_size) {
  std::uint64_t most = 0;
  for (std::size_t at = 0; at + length_size <= data.size();) {
    const std::uint64_t length = Cursor(data, at).next(length_size);
    at += length_size;
    if (length > data.size() - at) break;
    const ByteView unit = data.subspan(at, length);
    if (unit_type(unit) == kSequenceParameterSet)
      most = std::max(most, pixels_of_parameter_set(unit));
    at += length;
  }
  return most;
}

// HEVCDecoderConfigurationRecord, ISO/IEC 14496-15, 8.3.3.1
std::uint64_t pixels_of_hevc_configuration(ByteView record) {
  constexpr std::size_t kArraysAt = 22;
  std::uint64_t most = 0;
  const ByteReader in(record, true);
  std::size_t at = kArraysAt + 1;
  for (int n_arrays = in.u8(kArraysAt); n_arrays > 0; --n_arrays) {
    int n_units = in.u16(at + 1);
    for (at += 3; n_units > 0; --n_units) {
      const ByteView unit = in.view(at + 2, in.u16(at));
      if (unit_type(unit) == kSequenceParameterSet)
        most = std::max(most, pixels_of_parameter_set(unit));
      at += 2 + unit.size();
    }
  }
  return most;
}

std::size_t length_size_of(ByteView record) {
  constexpr std::size_t kLengthSizeAt = 21;
  return record.size() > kLengthSizeAt ? (record[kLengthSizeAt] & 3U) + 1 : 4;
}

// --- AV1: its bitstream specification, 5.5
// ---------------------------------------------------------

struct DecoderModel {
  bool is_there = false;
  int delay_bits = 0;
};

DecoderModel skip_timing(BitReader& in) {
  DecoderModel model;
  in.skip(64);
  if (in.flag()) in.golomb();
  model.is_there = in.flag();
  if (!model.is_there) return model;
  model.delay_bits = static_cast<int>(in.bits(5)) + 1;
  in.skip(42);
  return model;
}

void skip_operating_points(BitReader& in, const DecoderModel& model) {
  constexpr std::uint64_t kLastLevelWithoutTier = 7;
  const bool has_display_delay = in.flag();
  for (std::uint64_t n = in.bits(5) + 1; n > 0; --n) {
    in.skip(12);
    if (in.bits(5) > kLastLevelWithoutTier) in.skip(1);
    if (model.is_there && in.flag()) in.skip(2 * model.delay_bits + 1);
    if (has_display_delay && in.flag()) in.skip(4);
  }
}

std::uint64_t pixels_of_sequence_header(ByteView header) {
  BitReader in(header);
  in.skip(4);
  if (in.flag()) {  // a reduced header, of still pictures
    in.skip(5);
  } else {
    const DecoderModel model = in.flag() ? skip_timing(in) : DecoderModel();
    skip_operating_points(in, model);
  }
  const auto width_bits = static_cast<int>(in.bits(4)) + 1;
  const auto height_bits = static_cast<int>(in.bits(4)) + 1;
  const std::uint64_t width = in.bits(width_bits) + 1;
  return width * (in.bits(height_bits) + 1);
}

// Open bitstream units, 5.3
std::uint64_t pixels_of_obus(ByteView data) {
  constexpr std::uint64_t kSequenceHeader = 1;
  std::uint64_t most = 0;
  for (std::size_t at = 0; at < data.size();) {
    Cursor in(data, at);
    const std::uint64_t head = in.next(1);
    ++at;
    if ((head & 4) != 0) in.next(1), ++at;
    std::uint64_t size = data.size() - at;
    if ((head & 2) != 0) {
      size = 0;
      for (int shift = 0; shift < 56; shift += 7) {
        const std::uint64_t byte = in.next(1);
        ++at;
        size |= (byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) break;
      }
    }
    if (size > data.size() - at) break;
    if ((head >> 3 & 15) == kSequenceHeader)
      most = std::max(most, pixels_of_sequence_header(data.subspan(at, size)));
    at += size;
  }
  return most;
}

// --- The file -----------------------------------------------------------------------------------

// A damaged part says nothing.
template <typename Read>
auto or_nothing(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const OutOfBytes&) {
    return {};
  }
}

class FileSizes {
 public:
  FileSizes(ByteView file, const std::vector<Box>& meta)
      : file_(file),
        idat_(find_box(meta, "idat")),
        types_(or_nothing([&] { return read_types(find_box(meta, "iinf")); })),
        locations_(or_nothing([&] { return read_locations(find_box(meta, "iloc")); })) {
    read_configurations(boxes_of(find_box(boxes_of(find_box(meta, "iprp")), "ipco")));
    for (const auto& [id, extents] : locations_)
      read_item(types_[id], extents);
  }

  std::uint64_t most() const { return most_; }

 private:
  void take(std::uint64_t pixels) { most_ = std::max(most_, pixels); }

  void read_configurations(const std::vector<Box>& properties) {
    for (const Box& one : properties) {
      if (one.type == "hvcC") {
        length_size_ = length_size_of(one.content);
        take(or_nothing([&] { return pixels_of_hevc_configuration(one.content); }));
      } else if (one.type == "av1C" && one.content.size() > 4) {
        take(or_nothing([&] { return pixels_of_obus(one.content.subspan(4)); }));
      }
    }
  }

  void read_item(const std::string& type, const std::vector<Extent>& extents) {
    const bool is_hevc = type == "hvc1" || type == "hev1" || type == "lhv1";
    if (!is_hevc && type != "av01") return;
    Bytes joined;
    ByteView data;
    for (const Extent& extent : extents) {
      const ByteView part = bytes_of(extent);
      if (extents.size() == 1)
        data = part;
      else
        joined.insert(joined.end(), part.begin(), part.end());
      // Extents that lie over each other stand in no file that means well.
      if (joined.size() > file_.size()) return take(std::numeric_limits<std::uint64_t>::max());
    }
    if (extents.size() > 1) data = joined;
    take(or_nothing(
        [&] { return is_hevc ? pixels_of_units(data, length_size_) : pixels_of_obus(data); }));
  }

  ByteView bytes_of(const Extent& extent) const {
    const ByteView all = extent.is_in_idat ? idat_ : file_;
    if (extent.begin > all.size()) return {};
    const std::uint64_t rest = all.size() - extent.begin;
    return all.subspan(extent.begin, extent.length == 0 ? rest : std::min(extent.length, rest));
  }

  ByteView file_;
  ByteView idat_;
  std::map<std::uint64_t, std::string> types_;
  std::map<std::uint64_t, std::vector<Extent>> locations_;
  std::size_t length_size_ = 4;
  std::uint64_t most_ = 0;
};

}  // namespace

std::uint64_t largest_coded_picture(ByteView file) {
  constexpr std::size_t kFullBoxHeadBytes = 4;
  const ByteView meta = find_box(boxes_of(file), "meta");
  if (meta.size() < kFullBoxHeadBytes) return 0;
  return FileSizes(file, boxes_of(meta.subspan(kFullBoxHeadBytes))).most();
}

}  // namespace pandagpt
