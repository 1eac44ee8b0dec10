// Decoded video frames -> upright 8-bit RGB, as the reference's decoder makes them.
#pragma once

#include <memory>
#include <string>

#include "media/ffmpeg.h"
#include "media/image.h"

struct SwsContext;  // libswscale/swscale.h

namespace pandagpt {

class VideoFrameConverter {
 public:
  /// `width`, `height`: of every result before the rotation, pixels. `rotation`: degrees clockwise,
  /// a multiple of 90. `name` stands for the file in messages.
  VideoFrameConverter(int width, int height, int rotation, std::string name);

  /// A frame of another size is scaled. Throws Error(kInput) for a pixel format that can't be
  /// converted.
  Image convert(const AVFrame& frame);

 private:
  struct SwsDeleter {
    void operator()(SwsContext* context) const;
  };
  void prepare(const AVFrame& frame);

  int width_;
  int height_;
  int rotation_;
  std::string name_;
  std::unique_ptr<SwsContext, SwsDeleter> context_;
  AvFramePtr rgb_;  // libswscale may write beyond the end of a row
};

}  // namespace pandagpt
