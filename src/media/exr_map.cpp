// FFmpeg decodes the pixels. It knows a single channel only by the name Y, so the header is written
// anew with that name and without everything else that doesn't matter for the pixels.
#include "media/scalar_map.h"

extern "C" {
#include <libavcodec/defs.h>
#include <libavutil/pixfmt.h>
}

#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "media/byte_reader.h"
#include "media/still_frame.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kMagic{"\x76\x2F\x31\x01", 4};

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Header (OpenEXR's "OpenEXR File Layout") ----------------------------------------------------

enum class ExrSample : std::uint32_t { kUnsigned = 0, kHalf = 1, kFloat = 2 };

struct ExrHeader {
  std::uint32_t flags = 0;  ///< with the version in the lowest byte
  std::vector<std::string> channels;
  ExrSample sample = ExrSample::kFloat;
  std::optional<ByteView> compression;
  std::optional<ByteView> data_window;  ///< xMin, yMin, xMax, yMax
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
    header.sample = static_cast<ExrSample>(list.u32(at));
    header.channels.push_back(channel);
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
    at += 4 + size;
  }
  header.end = at;
  if (!header.data_window || !header.compression || header.channels.empty()) throw OutOfBytes();
  return header;
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

/// Scan lines in one block, by the compression.
std::uint32_t lines_of_block(std::uint8_t compression) {
  constexpr std::uint32_t kLines[] = {1, 1, 1, 16, 32, 16, 32, 32, 32, 256};
  if (compression >= std::size(kLines)) throw OutOfBytes();
  return kLines[compression];
}

Bytes make_packet(ByteView bytes, const ExrHeader& header, const Size& size) {
  constexpr std::uint8_t kFromTheTop[] = {0};
  constexpr std::uint8_t kSquare[] = {0, 0, 0x80, 0x3F};  // 1.0F
  constexpr std::uint8_t kOrigin[8] = {};
  ExrWriter channels;
  channels.put(std::string_view("Y\0", 2));
  channels.put_u32(static_cast<std::uint32_t>(header.sample));
  channels.put_u32(0);
  channels.put_u32(1);
  channels.put_u32(1);
  channels.bytes().push_back(0);

  ExrWriter out;
  out.put(kMagic);
  out.put_u32(2);  // version, no flags
  out.put_attribute("channels", "chlist", channels.bytes());
  out.put_attribute("compression", "compression", *header.compression);
  out.put_attribute("dataWindow", "box2i", *header.data_window);
  out.put_attribute("displayWindow", "box2i", *header.data_window);
  out.put_attribute("lineOrder", "lineOrder", kFromTheTop);
  out.put_attribute("pixelAspectRatio", "float", kSquare);
  out.put_attribute("screenWindowCenter", "v2f", kOrigin);
  out.put_attribute("screenWindowWidth", "float", kSquare);
  out.bytes().push_back(0);

  // Offsets of the blocks, moved with them.
  const std::uint32_t lines = lines_of_block((*header.compression)[0]);
  const std::size_t n_blocks = (size.height + lines - 1) / lines;
  const ByteReader file(bytes);
  const std::int64_t shift =
      static_cast<std::int64_t>(out.bytes().size()) - static_cast<std::int64_t>(header.end);
  file.view(header.end, 8 * n_blocks);
  for (std::size_t i = 0; i < n_blocks; ++i) {
    const std::size_t at = header.end + 8 * i;
    const std::uint64_t offset = file.u32(at) | std::uint64_t{file.u32(at + 4)} << 32;
    if (offset < header.end + 8 * n_blocks || offset >= bytes.size()) throw OutOfBytes();
    file.view(offset, 8 + std::size_t{file.u32(offset + 4)});  // FFmpeg takes a cut block for black
    const std::uint64_t moved = offset + static_cast<std::uint64_t>(shift);
    out.put_u32(static_cast<std::uint32_t>(moved));
    out.put_u32(static_cast<std::uint32_t>(moved >> 32));
  }
  out.put(bytes.subspan(header.end + 8 * n_blocks));
  return std::move(out.bytes());
}

void check_kind(const ExrHeader& header, const std::string& name) {
  if (header.is_deep_or_multipart() || header.is_tiled())
    fail(name,
         "EXR files with tiles, several parts or deep pixels can't be read; save it as scan "
         "lines of one part");
  if (header.channels.size() != 1) {
    std::string names;
    for (const std::string& channel : header.channels)
      names += (names.empty() ? "" : ", ") + channel;
    fail(name, "the EXR file has " + std::to_string(header.channels.size()) + " channels (" +
                   names + "), one was expected; save one channel of measurements");
  }
  if (header.sample != ExrSample::kHalf && header.sample != ExrSample::kFloat)
    fail(name, "the EXR file holds whole numbers; save it as 16- or 32-bit float");
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
    Bytes packet = make_packet(bytes, header, size);
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
    if (whole)
      return {decoded.frame->width, decoded.frame->height, false, read_floats(*decoded.frame)};
    if (!decoded.complaint.empty()) detail = " (" + decoded.complaint + ")";
  } catch (const OutOfBytes&) {
    detail = "";
  }
  fail(name, "the EXR file is truncated or damaged" + detail + "; get a complete copy of it");
}

}  // namespace pandagpt
