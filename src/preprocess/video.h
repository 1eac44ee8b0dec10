// A video -> normalised clips, equal to ImageBind's load_and_transform_video_data.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "media/video.h"
#include "preprocess/image.h"

namespace pandagpt {

/// The parameters of imagebind/data.py.
struct VideoTransform {
  int n_clips = 5;
  int clip_seconds = 2;
  int frames_per_clip = 2;
  int n_crops = 3;  ///< 3: both ends of the longer side and its middle; 1: the middle
  int size = 224;   ///< side of a crop, pixels; the shorter side is scaled to it
  std::array<float, 3> mean = kImageBindStats.mean;
  std::array<float, 3> std = kImageBindStats.std;
  /// kHwc: each frame of a view is (size, size, 3).
  TensorLayout layout = TensorLayout::kChw;

  /// Takes size and statistics of the pictures that the same tower takes.
  void match(const ImageTransform& picture) {
    size = picture.size;
    mean = picture.mean;
    std = picture.std;
  }
  int n_views() const { return n_clips * n_crops; }
};

inline constexpr VideoTransform kImageBindVideo{};

/// [n_clips, frames_per_clip]: the frames that are looked at. Clips are evenly spread
/// (sample_clips); each holds the frames from ceil(rate * start) to ceil(rate * end), of which the
/// first, the last and equally distant ones in between are taken.
std::vector<std::int64_t> video_frame_numbers(const VideoInfo& info,
                                              const VideoTransform& transform = kImageBindVideo);

/// [n_clips * n_crops, 3, frames_per_clip, size, size] or, with kHwc, [n_clips * n_crops,
/// frames_per_clip, size, size, 3], row-major, crops of a clip side by side.
/// As in the reference: value / 255, shorter side scaled (bilinear, not antialiased, as
/// torch.nn.functional.interpolate does), normalised, cropped.
/// Throws what VideoReader::read_frames throws, and Error(kUsage) for n_crops other than 1 and 3.
std::vector<float> video_tensor(VideoReader& video,
                                const VideoTransform& transform = kImageBindVideo);

}  // namespace pandagpt
