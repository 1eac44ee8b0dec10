#include "media/video_frame.h"

extern "C" {
#include <libswscale/swscale.h>
}

#include <cstring>
#include <new>
#include <utility>

#include "media/pixels.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// The matrix that the frame declares. Frames that don't say are BT.601 to libswscale and so to the
// reference, whatever their size.
void set_colours(SwsContext* context, const AVFrame& frame) {
  int* input_matrix = nullptr;
  int* output_matrix = nullptr;
  int input_full = 0;
  int output_full = 0;
  int brightness = 0;
  int contrast = 0;
  int saturation = 0;
  if (sws_getColorspaceDetails(context, &input_matrix, &input_full, &output_matrix, &output_full,
                               &brightness, &contrast, &saturation) < 0)
    return;  // not a YUV format
  if (frame.color_range != AVCOL_RANGE_UNSPECIFIED)
    input_full = frame.color_range == AVCOL_RANGE_JPEG ? 1 : 0;
  const bool unsaid = frame.colorspace == AVCOL_SPC_UNSPECIFIED;
  const int* matrix =
      sws_getCoefficients(unsaid && is_hdr(frame) ? SWS_CS_BT2020 : frame.colorspace);
  sws_setColorspaceDetails(context, matrix, input_full, matrix, output_full, brightness, contrast,
                           saturation);
}

}  // namespace

int orientation_of_rotation(int degrees) {
  switch (degrees) {
    case 90:
      return 6;
    case 180:
      return 3;
    case 270:
      return 8;
    default:
      return 1;
  }
}

int rotation_of_orientation(int orientation) {
  constexpr int kDegrees[] = {0, 0, 0, 180, 0, 270, 90, 90, 270};
  return kDegrees[orientation];
}

void VideoFrameConverter::SwsDeleter::operator()(SwsContext* context) const {
  sws_freeContext(context);
}

VideoFrameConverter::VideoFrameConverter(int width, int height, int orientation, std::string name,
                                         bool map_tones)
    : width_(width),
      height_(height),
      orientation_(orientation),
      name_(std::move(name)),
      map_tones_(map_tones) {}

void VideoFrameConverter::scale_to(const AVFrame& frame, AVPixelFormat format) {
  if (!rgb_ || rgb_->format != format) {
    rgb_.reset(av_frame_alloc());
    if (!rgb_) throw std::bad_alloc();
    rgb_->format = format;
    rgb_->width = width_;
    rgb_->height = height_;
    if (av_frame_get_buffer(rgb_.get(), 0) < 0) throw std::bad_alloc();
  }
  context_.reset(sws_getCachedContext(context_.release(), frame.width, frame.height,
                                      static_cast<AVPixelFormat>(frame.format), width_, height_,
                                      format, SWS_BILINEAR, nullptr, nullptr, nullptr));
  if (!context_)
    throw Error(ErrorKind::kInput,
                name_ +
                    ": the pixel format of the video can't be converted; convert the file to "
                    "8-bit H.264 first");
  set_colours(context_.get(), frame);
  sws_scale(context_.get(), frame.data, frame.linesize, 0, frame.height, rgb_->data,
            rgb_->linesize);
}

Image VideoFrameConverter::convert_standard(const AVFrame& frame) {
  scale_to(frame, AV_PIX_FMT_RGB24);
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(width_);
  Image image{width_, height_, Bytes(row_bytes * height_)};
  for (int y = 0; y < height_; ++y)
    std::memcpy(image.rgb.data() + row_bytes * y,
                rgb_->data[0] + std::ptrdiff_t{y} * rgb_->linesize[0], row_bytes);
  return image;
}

Image VideoFrameConverter::convert_hdr(const AVFrame& frame) {
  scale_to(frame, AV_PIX_FMT_RGB48);
  if (!mapper_ || !mapper_->fits(frame)) mapper_ = std::make_unique<ToneMapper>(frame);
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(width_);
  Image image{width_, height_, Bytes(row_bytes * height_)};
  for (int y = 0; y < height_; ++y) {
    const std::uint8_t* row = rgb_->data[0] + std::ptrdiff_t{y} * rgb_->linesize[0];
    mapper_->map(reinterpret_cast<const std::uint16_t*>(row), static_cast<std::size_t>(width_),
                 image.rgb.data() + row_bytes * y);
  }
  return image;
}

Image VideoFrameConverter::convert(const AVFrame& frame) {
  Image image = map_tones_ && is_hdr(frame) ? convert_hdr(frame) : convert_standard(frame);
  return upright(std::move(image), orientation_);
}

}  // namespace pandagpt
