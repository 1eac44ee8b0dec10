// Moving pictures: single frames of a video file or memory buffer, without decoding the rest.
//
// Frames are numbered by their time stamps, as decord (the reference's decoder) does: all packets
// of the file are listed once, without decoding, and sorted by presentation time. A wanted frame is
// decoded from the key frame before it; pictures in between that no other depends on are left out.
// Colours: libswscale, SWS_BILINEAR, with the matrix and range that the frame declares (BT.601 and
// studio range if it declares none), which is what decord's filter does. Other than there
// (VideoOptions), HDR is mapped to the standard range, and pixels that aren't square are obeyed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/file.h"
#include "media/image.h"
#include "media/scalar_map.h"

namespace pandagpt {

struct VideoInfo {
  int width = 0;                 ///< pixels, of the upright picture
  int height = 0;                ///< likewise
  bool is_hdr = false;           ///< by the container or the coded stream: HDR10 or HLG
  double pixel_aspect = 1;       ///< width / height of a stored pixel, already applied to frames
  int rotation = 0;              ///< 0, 90, 180 or 270 degrees clockwise, already applied to frames
  int orientation = 1;           ///< EXIF's number for it, mirrors included
  std::int64_t frames = 0;       ///< number of frames in the file
  double frames_per_second = 0;  ///< on average, as the container gives it
  double duration = 0;           ///< s: frames / frames_per_second, the reference's measure
  bool has_sound = false;
  std::string codec;  ///< FFmpeg's name of it, "h264"
};

/// What is refused, judged before memory is taken for it.
struct VideoLimits {
  std::uint64_t max_buffer_bytes = std::uint64_t{2} << 30;  ///< of standard input
  std::uint64_t max_pixels = 16384 * 8704;                  ///< of a frame: 16K video
  std::int64_t max_frames = 10'000'000;  ///< of the file: 46 hours at 60 a second
};

/// Where frames are made other than the reference's decoder makes them, which takes the stored
/// numbers of all videos for those of the standard range, and each pixel for a square.
struct VideoOptions {
  bool map_tones = true;      ///< HDR10 and HLG to the standard range
  bool square_pixels = true;  ///< anamorphic video (DVD, DV, HDV) in its right shape
  bool mirror = true;         ///< films that are to be shown mirrored are

  bool operator==(const VideoOptions&) const = default;
};
inline constexpr VideoOptions kAsTheReference{
    .map_tones = false, .square_pixels = false, .mirror = false};

/// An opened video. Not for several threads at once.
class VideoReader {
 public:
  /// Opens a file, or standard input when `path` is "-", and lists its frames. `threads`: of the
  /// decoder, 0: one a core. Throws Error(kInput), "NAME: what; what to do": no video in it,
  /// no frames, not supported, damaged, beyond `limits`.
  explicit VideoReader(const std::filesystem::path& path, const VideoLimits& limits = {},
                       int threads = 0, const VideoOptions& options = {});
  /// The same for a buffer, which must outlive this object. `name` stands for it in messages.
  VideoReader(ByteView bytes, const std::string& name, const VideoLimits& limits = {},
              int threads = 0, const VideoOptions& options = {});
  ~VideoReader();
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;

  const std::string& name() const;
  const VideoInfo& info() const;
  /// When a frame is shown: seconds after the first one; -1 if the file doesn't say.
  double time_of(std::int64_t frame) const;

  /// Calls `visit(frame, picture)` once for each different frame of `frames`, in the order of time;
  /// the pictures are upright. One picture is held at a time. A frame that is damaged is replaced
  /// by the next one, or the last one that there is, with a warning.
  /// Throws Error(kUsage) for a frame outside 0 .. info().frames - 1, Error(kInput) when nothing
  /// can be decoded.
  void read_frames(std::span<const std::int64_t> frames,
                   const std::function<void(std::int64_t frame, const Image& picture)>& visit);
  /// One picture, for a preview.
  Image frame(std::int64_t frame);
  /// The numbers of one frame, upright, where frames are grey with more than 8 bits: what thermal
  /// cameras record. Nothing for other videos.
  std::optional<ScalarMap> measurement(std::int64_t frame);

 private:
  class Decoder;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace pandagpt
