// Decoded video frames -> upright 8-bit RGB, as the reference's decoder makes them; those of high
// dynamic range, which it leaves flat, mapped to the standard range.
#pragma once

#include <memory>
#include <string>

#include "media/ffmpeg.h"
#include "media/image.h"
#include "media/tone_map.h"

struct SwsContext;  // libswscale/swscale.h

namespace pandagpt {

/// EXIF's number for a picture that has to be turned clockwise by 0, 90, 180 or 270 degrees.
int orientation_of_rotation(int degrees);
/// The inverse; for a mirrored picture the turn that is left once the mirror is taken out.
int rotation_of_orientation(int orientation);

class VideoFrameConverter {
 public:
  /// `width`, `height`: of every result before it is turned, pixels. `orientation`: EXIF's number,
  /// see upright() in pixels.h. `name` stands for the file in messages.
  /// `map_tones`: HDR to the standard range.
  VideoFrameConverter(int width, int height, int orientation, std::string name,
                      bool map_tones = true);

  /// A frame of another size is scaled. Throws Error(kInput) for a pixel format that can't be
  /// converted.
  Image convert(const AVFrame& frame);

 private:
  struct SwsDeleter {
    void operator()(SwsContext* context) const;
  };
  /// Into rgb_, with pixels of `format`.
  void scale_to(const AVFrame& frame, AVPixelFormat format);
  /// [height, width, 3], before it is turned.
  Image convert_standard(const AVFrame& frame);
  Image convert_hdr(const AVFrame& frame);

  int width_;
  int height_;
  int orientation_;
  std::string name_;
  std::unique_ptr<SwsContext, SwsDeleter> context_;
  AvFramePtr rgb_;  // libswscale may write beyond the end of a row
  bool map_tones_;
  std::unique_ptr<ToneMapper> mapper_;
};

}  // namespace pandagpt
