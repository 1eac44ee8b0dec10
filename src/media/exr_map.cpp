// FFmpeg decodes the pixels. It knows a single channel only by the name Y, so the header is written
// anew: the channel of measurements has that name, others have one that FFmpeg passes over, and
// what doesn't matter for the pixels is left out.
#include "media/scalar_map.h"

extern "C" {
#include <libavcodec/defs.h>
#include <libavutil/pixfmt.h>
}

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/ascii.h"
#include "media/byte_reader.h"
#include "media/still_frame.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kMagic{"\x76\x2F\x31\x01", 4};
constexpr std::size_t kMaxChannels = 64;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Header (OpenEXR's "OpenEXR File Layout") ----------------------------------------------------

enum class ExrSample : std::uint32_t { kUnsigned = 0, kHalf = 1, kFloat = 2 };

struct ExrChannel {
  std::string name;
  ExrSample sample = ExrSample::kFloat;
  bool is_sampled = true;  ///< for each pixel

  bool is_readable() const {
    return is_sampled && (sample == ExrSample::kHalf || sample == ExrSample::kFloat);
  }
};

struct ExrHeader {
  std::uint32_t flags = 0;  ///< with the version in the lowest byte
  std::vector<ExrChannel> channels;
  std::optional<ByteView> compression;
  std::optional<ByteView> data_window;  ///< xMin, yMin, xMax, yMax
  std::optional<ByteView> tiles;        ///< width and height of a tile, kind of levels
  std::size_t end = 0;                  ///< offset of what follows

  bool is_tiled() const { return (flags & 0x200) != 0; }
  bool is_deep_or_multipart() const { return (flags & 0x1800) != 0; }
};

std::string read_string(const ByteReader& file, std::size_t& at) {
  constexpr std::size_t kLongest = 255;
  std::string text;
  for (std::uint8_t byte; (byte = file.u8(at++)) != 0; text += static_cast<char>(byte))
    if (text.size() == kLongest) throw OutOfBytes();
  return text;
}

void read_channels(ByteView value, ExrHeader& header) {
  constexpr std::size_t kRestOfChannel = 16;  // type, flags, sampling in x and y
  const ByteReader list(value);
  std::size_t at = 0;
  for (std::string channel; !(channel = read_string(list, at)).empty();) {
    const bool is_sampled = list.u32(at + 8) == 1 && list.u32(at + 12) == 1;
    header.channels.push_back({channel, static_cast<ExrSample>(list.u32(at)), is_sampled});
    at += kRestOfChannel;
  }
}

ExrHeader read_header(const ByteReader& file) {
  ExrHeader header;
  header.flags = file.u32(4);
  std::size_t at = 8;
  for (std::string key; !(key = read_string(file, at)).empty();) {
    read_string(file, at);  // the type
    const std::size_t size = file.u32(at);
    const ByteView value = file.view(at + 4, size);
    if (key == "channels") read_channels(value, header);
    if (key == "compression" && size == 1) header.compression = value;
    if (key == "dataWindow" && size == 16) header.data_window = value;
    if (key == "tiles" && size == 9) header.tiles = value;
    at += 4 + size;
  }
  header.end = at;
  if (!header.data_window || !header.compression || header.channels.empty() ||
      header.is_tiled() != header.tiles.has_value())
    throw OutOfBytes();
  return header;
}

// --- Which channel -------------------------------------------------------------------------------

/// A channel's name in lower case, in its two parts: "viewlayer.depth." and "z".
struct ChannelName {
  std::string layer, last;

  explicit ChannelName(const std::string& name) : last(ascii_lower(name)) {
    const std::size_t dot = last.rfind('.');
    if (dot == std::string::npos) return;
    layer = last.substr(0, dot + 1);
    last.erase(0, dot + 1);
  }
};

/// Whether a channel is one of several that belong together: z of a normal, v of a texture's place,
/// luminance beside chroma.
bool is_component(const ChannelName& name, const std::vector<ExrChannel>& channels) {
  constexpr std::pair<std::string_view, std::string_view> kSiblings[] = {
      {"z", "x"}, {"y", "x"}, {"v", "u"}, {"y", "ry"}};
  return std::ranges::any_of(channels, [&](const ExrChannel& channel) {
    const ChannelName other(channel.name);
    return other.layer == name.layer && std::ranges::any_of(kSiblings, [&](const auto& pair) {
             return name.last == pair.first && other.last == pair.second;
           });
  });
}

/// How surely a channel holds distances; 0: it doesn't.
int rank_of(const ExrChannel& channel, const std::vector<ExrChannel>& channels) {
  const ChannelName name(channel.name);
  if (!channel.is_readable() || is_component(name, channels)) return 0;
  const bool is_of_depth = name.layer.find("depth") != std::string::npos;
  if (name.last == "depth" || (is_of_depth && name.last.size() == 1 && name.last != "a")) return 4;
  if (name.last == "z") return 3;
  if (name.last.find("depth") != std::string::npos || name.last == "disparity") return 2;
  return name.last == "y" || name.last == "v" ? 1 : 0;
}

/// Index of the channel of measurements: the only one, or the one whose name says it.
std::size_t choose_channel(const std::vector<ExrChannel>& channels, const std::string& name) {
  std::string names;
  for (const ExrChannel& channel : channels)
    names += (names.empty() ? "" : ", ") + channel.name;
  if (channels.size() == 1) {
    if (channels[0].is_readable()) return 0;
    fail(name,
         "the EXR file holds whole numbers, or fewer numbers than pixels; save it as 16- or "
         "32-bit float");
  }
  std::vector<int> ranks;
  for (const ExrChannel& channel : channels)
    ranks.push_back(rank_of(channel, channels));
  const auto best = std::ranges::max_element(ranks);
  if (*best == 0 || std::ranges::count(ranks, *best) > 1)
    fail(name, "the EXR file has " + std::to_string(channels.size()) + " channels (" + names +
                   "), and " + (*best == 0 ? "none" : "more than one") +
                   " is named Z, depth, Y or V; save one channel of measurements");
  return static_cast<std::size_t>(best - ranks.begin());
}

// --- The file for FFmpeg -------------------------------------------------------------------------

struct Size {
  std::uint64_t width, height;
};

Size size_of(ByteView window) {
  const ByteReader box(window);
  const auto side = [&](std::size_t low) -> std::uint64_t {
    const auto first = static_cast<std::int32_t>(box.u32(4 * low));
    const auto last = static_cast<std::int32_t>(box.u32(4 * (low + 2)));
    return last < first ? 0 : static_cast<std::uint64_t>(std::int64_t{last} - first + 1);
  };
  return {side(0), side(1)};
}

class ExrWriter {
 public:
  void put(ByteView more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void put(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void put_u32(std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8)
      bytes_.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  void put_attribute(std::string_view key, std::string_view type, ByteView value) {
    put(key);
    bytes_.push_back(0);
    put(type);
    bytes_.push_back(0);
    put_u32(static_cast<std::uint32_t>(value.size()));
    put(value);
  }
  Bytes& bytes() { return bytes_; }

 private:
  Bytes bytes_;
};

enum Compression : std::uint8_t { kDwaa = 8, kDwab = 9 };

/// Scan lines in one block, by the compression.
std::uint32_t lines_of_block(std::uint8_t compression) {
  constexpr std::uint32_t kLines[] = {1, 1, 1, 16, 32, 16, 32, 32};
  if (compression >= std::size(kLines)) throw OutOfBytes();
  return kLines[compression];
}

std::uint64_t blocks_along(std::uint64_t length, std::uint32_t block) {
  if (block == 0) throw OutOfBytes();
  return (length + block - 1) / block;
}

/// Blocks of the picture in its full size: those of smaller levels follow.
std::size_t count_blocks(const ExrHeader& header, const Size& size) {
  if (!header.is_tiled())
    return blocks_along(size.height, lines_of_block((*header.compression)[0]));
  const ByteReader tiles(*header.tiles);
  return blocks_along(size.width, tiles.u32(0)) * blocks_along(size.height, tiles.u32(4));
}

ExrWriter channel_list(const std::vector<ExrChannel>& channels, std::size_t chosen) {
  constexpr std::string_view kMeasured{"Y\0", 2}, kPassedOver{"-\0", 2};
  ExrWriter list;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    list.put(i == chosen ? kMeasured : kPassedOver);
    list.put_u32(static_cast<std::uint32_t>(channels[i].sample));
    list.put_u32(0);
    list.put_u32(1);
    list.put_u32(1);
  }
  list.bytes().push_back(0);
  return list;
}

/// A picture that begins at 0, 0: FFmpeg takes the rest of the canvas for black.
ExrWriter new_header(const ExrHeader& header, const Size& size, std::size_t chosen) {
  constexpr std::uint8_t kFromTheTop[] = {0};
  constexpr std::uint8_t kSquare[] = {0, 0, 0x80, 0x3F};  // 1.0F
  constexpr std::uint8_t kOrigin[8] = {};
  constexpr std::uint32_t kVersion = 2, kTiled = 0x200;
  ExrWriter window;
  for (const std::uint64_t end :
       {std::uint64_t{0}, std::uint64_t{0}, size.width - 1, size.height - 1})
    window.put_u32(static_cast<std::uint32_t>(end));
  ExrWriter out;
  out.put(kMagic);
  out.put_u32(kVersion | (header.is_tiled() ? kTiled : 0));
  out.put_attribute("channels", "chlist", channel_list(header.channels, chosen).bytes());
  out.put_attribute("compression", "compression", *header.compression);
  out.put_attribute("dataWindow", "box2i", window.bytes());
  out.put_attribute("displayWindow", "box2i", window.bytes());
  out.put_attribute("lineOrder", "lineOrder", kFromTheTop);
  out.put_attribute("pixelAspectRatio", "float", kSquare);
  out.put_attribute("screenWindowCenter", "v2f", kOrigin);
  out.put_attribute("screenWindowWidth", "float", kSquare);
  if (header.is_tiled()) {
    Bytes tiles(header.tiles->begin(), header.tiles->end());
    tiles.back() = 0;  // one level, the first
    out.put_attribute("tiles", "tiledesc", tiles);
  }
  out.bytes().push_back(0);
  return out;
}

/// Blocks of scan lines name their first line; those of a tile are counted from the window already.
void move_to_the_top(const std::vector<std::uint64_t>& lines, std::uint32_t first, Bytes& packet) {
  if (first == 0) return;
  for (const std::uint64_t at : lines) {
    const std::uint32_t line = ByteReader(packet).u32(at) - first;
    for (std::size_t i = 0; i < sizeof line; ++i)
      packet[at + i] = static_cast<std::uint8_t>(line >> (8 * i));
  }
}

Bytes make_packet(ByteView bytes, const ExrHeader& header, const Size& size, std::size_t chosen) {
  ExrWriter out = new_header(header, size, chosen);
  // Offsets of the blocks, moved with them. A block begins with its line, or with four numbers of
  // its tile; then comes its size.
  const std::size_t size_at = header.is_tiled() ? 16 : 4;
  const std::size_t n_blocks = count_blocks(header, size);
  const std::size_t blocks_at = header.end + 8 * n_blocks;
  const ByteReader file(bytes);
  const std::int64_t shift =
      static_cast<std::int64_t>(out.bytes().size()) - static_cast<std::int64_t>(header.end);
  file.view(header.end, 8 * n_blocks);
  std::vector<std::uint64_t> lines;  // where they stand in the new file
  for (std::size_t i = 0; i < n_blocks; ++i) {
    const std::size_t at = header.end + 8 * i;
    const std::uint64_t offset = file.u32(at) | std::uint64_t{file.u32(at + 4)} << 32;
    if (offset < blocks_at || offset >= bytes.size()) throw OutOfBytes();
    // FFmpeg takes a cut block for black.
    file.view(offset, size_at + 4 + std::size_t{file.u32(offset + size_at)});
    lines.push_back(offset + static_cast<std::uint64_t>(shift));
    out.put_u32(static_cast<std::uint32_t>(lines.back()));
    out.put_u32(static_cast<std::uint32_t>(lines.back() >> 32));
  }
  out.put(bytes.subspan(blocks_at));
  if (!header.is_tiled())
    move_to_the_top(lines, ByteReader(*header.data_window).u32(4), out.bytes());
  return std::move(out.bytes());
}

void check_kind(const ExrHeader& header, const std::string& name) {
  if (header.is_deep_or_multipart())
    fail(name, "EXR files with several parts or deep pixels can't be read; save it as one part");
  const std::uint8_t compression = (*header.compression)[0];
  if (compression == kDwaa || compression == kDwab)
    fail(name, std::string("the EXR file is compressed by ") +
                   (compression == kDwaa ? "DWAA" : "DWAB") +
                   ", which can't be read; save it with ZIP, PIZ or without compression");
}

std::vector<float> read_floats(const AVFrame& frame) {
  std::vector<float> values(static_cast<std::size_t>(frame.width) * frame.height);
  for (int y = 0; y < frame.height; ++y)
    std::memcpy(&values[static_cast<std::size_t>(y) * frame.width],
                frame.data[0] + std::ptrdiff_t{y} * frame.linesize[0],
                sizeof(float) * static_cast<std::size_t>(frame.width));
  return values;
}

}  // namespace

bool is_exr(ByteView bytes) {
  return ByteReader(bytes).matches(0, kMagic);
}

ScalarMap decode_exr_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  std::string detail;
  try {
    const ExrHeader header = read_header(ByteReader(bytes));
    check_kind(header, name);
    const Size size = size_of(*header.data_window);
    check_map_size(size.width, size.height, name, limits);
    if (header.channels.size() > kMaxChannels)
      fail(name, "the EXR file has more than " + std::to_string(kMaxChannels) +
                     " channels; save one channel of measurements");
    const std::size_t chosen = choose_channel(header.channels, name);
    Bytes packet = make_packet(bytes, header, size, chosen);
    const std::size_t packet_size = packet.size();
    packet.resize(packet_size + AV_INPUT_BUFFER_PADDING_SIZE);
    const StillFrame decoded = decode_still(
        {AV_CODEC_ID_EXR, "EXR", packet.data(), packet_size, static_cast<std::uint32_t>(size.width),
         static_cast<std::uint32_t>(size.height)},
        name);
    const bool whole = decoded.frame && decoded.complaint.empty() &&
                       decoded.frame->format == AV_PIX_FMT_GRAYF32 &&
                       static_cast<std::uint64_t>(decoded.frame->width) == size.width &&
                       static_cast<std::uint64_t>(decoded.frame->height) == size.height;
    if (whole) {
      ScalarMap map{decoded.frame->width, decoded.frame->height, false,
                    read_floats(*decoded.frame)};
      map.label = header.channels[chosen].name;
      map.report.format = "OpenEXR";
      map.report.add("channel", map.label);
      return map;
    }
    if (!decoded.complaint.empty()) detail = " (" + decoded.complaint + ")";
  } catch (const OutOfBytes&) {
    detail = "";
  }
  fail(name, "the EXR file is truncated or damaged" + detail + "; get a complete copy of it");
}

}  // namespace pandagpt
