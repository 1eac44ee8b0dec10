// An opened audio or video file: a container whose packets can be read.
//
// The demuxer sees the bytes of this one file and nothing else: it gets them through functions of
// ours, formats that name other files or addresses (playlists, image sequences) are not among those
// that are tried, and every wish to open something is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/file.h"
#include "media/ffmpeg.h"

struct AVFormatContext;  // libavformat/avformat.h
struct AVStream;

namespace pandagpt {

class MediaInput {
 public:
  /// Opens a file, or standard input when `path` is "-". A regular file is read piece by piece,
  /// anything else is first read into memory, up to `max_buffer_bytes`.
  /// Throws Error(kInput), "NAME: what; what to do": missing, empty, no known format, damaged.
  MediaInput(const std::filesystem::path& path, std::uint64_t max_buffer_bytes);
  /// Opens a buffer, which must outlive this object. `name` stands for it in error messages.
  MediaInput(ByteView bytes, const std::string& name);
  ~MediaInput();
  MediaInput(MediaInput&&) noexcept;
  MediaInput& operator=(MediaInput&&) noexcept;

  const std::string& name() const;
  AVFormatContext& format();

  /// The stream that FFmpeg takes for the main one of its kind, or nullptr. The cover picture of a
  /// song is not a video.
  AVStream* find_stream(AVMediaType kind);
  /// From now on read() gives the packets of this stream alone.
  void read_only(const AVStream& stream);
  /// The next packet of the stream that read_only() has chosen; false at the end of the file. A
  /// read error ends the file with a warning; a TimeLimit that has passed is an Error(kInput).
  bool read(AVPacket& packet);
  /// Starts again at the first packet, also where FFmpeg can't seek. The streams are new objects:
  /// find_stream() and read_only() follow.
  void reopen();

  /// A decoder for a stream of this file. `threads` as in AVCodecContext.
  /// Throws Error(kInput) if this FFmpeg has none.
  AvCodecContextPtr open_decoder(const AVStream& stream, int threads) const;

  /// Throws Error(kInput), "NAME: why".
  [[noreturn]] void fail(const std::string& why) const;

 private:
  struct Opened;
  std::unique_ptr<Opened> opened_;
};

}  // namespace pandagpt
