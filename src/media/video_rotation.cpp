#include "media/video_rotation.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/display.h>
}

#include <cmath>
#include <cstdint>

#include "media/video_frame.h"

namespace pandagpt {
namespace {

const std::uint8_t* display_matrix(const AVStream& stream) {
#if LIBAVFORMAT_VERSION_MAJOR >= 61
  const AVPacketSideData* data =
      av_packet_side_data_get(stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data,
                              AV_PKT_DATA_DISPLAYMATRIX);
  return data == nullptr ? nullptr : data->data;
#else
  return av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr);
#endif
}

}  // namespace

int rotation_of(const AVStream& stream) {
  const std::uint8_t* matrix = display_matrix(stream);
  if (matrix == nullptr) return 0;
  const double angle = -av_display_rotation_get(reinterpret_cast<const std::int32_t*>(matrix));
  if (std::isnan(angle)) return 0;
  const auto degrees = static_cast<int>(std::lround(angle) + 360) % 360;
  return degrees % 90 == 0 ? degrees : 0;
}

int orientation_of(const AVStream& stream) {
  const int degrees = rotation_of(stream);
  const int turned = orientation_of_rotation(degrees);
  const std::uint8_t* bytes = display_matrix(stream);
  if (bytes == nullptr) return turned;
  // (x, y) is shown at (a x + c y, b x + d y); the sign of ad - bc tells a mirror.
  const auto* matrix = reinterpret_cast<const std::int32_t*>(bytes);
  const double a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (a * d - b * c >= 0) return turned;
  constexpr int kMirrored[] = {4, 5, 2, 7};  // by quarters of rotation_of()'s turn
  return kMirrored[degrees / 90];
}

}  // namespace pandagpt
