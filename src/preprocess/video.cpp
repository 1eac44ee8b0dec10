#include "preprocess/video.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/warnings.h"
#include "media/content.h"
#include "pandagpt/error.h"
#include "preprocess/clip_sampler.h"

namespace pandagpt {
namespace {

constexpr int kChannels = 3;

// torch.linspace(0, last, count) in float32, cut to whole numbers (UniformTemporalSubsample).
std::vector<std::int64_t> spread(std::int64_t last, int count) {
  std::vector<std::int64_t> numbers;
  const auto end = static_cast<float>(last);
  const float step = count > 1 ? end / static_cast<float>(count - 1) : 0.0F;
  for (int i = 0; i < count; ++i) {
    const float exact = i < count / 2 || count == 1
                            ? step * static_cast<float>(i)
                            : end - step * static_cast<float>(count - 1 - i);
    numbers.push_back(std::clamp(static_cast<std::int64_t>(exact), std::int64_t{0}, last));
  }
  return numbers;
}

// One axis of the scaled picture, of which [begin, begin + size) is wanted:
// out[i] = in[low[i]] * (1 - share[i]) + in[high[i]] * share[i].
struct BilinearAxis {
  std::vector<int> low;
  std::vector<int> high;
  std::vector<float> share;

  // torch's area_pixel_compute_source_index with align_corners=False, in float32.
  BilinearAxis(int input, std::int64_t output, std::int64_t begin, int size) {
    const float scale = static_cast<float>(input) / static_cast<float>(output);
    for (int i = 0; i < size; ++i) {
      const float source = std::max(scale * (static_cast<float>(begin + i) + 0.5F) - 0.5F, 0.0F);
      const int at = std::min(static_cast<int>(source), input - 1);
      low.push_back(at);
      high.push_back(std::min(at + 1, input - 1));
      share.push_back(std::clamp(source - static_cast<float>(at), 0.0F, 1.0F));
    }
  }
};

// Where a crop begins on an axis of the scaled picture (uniform_crop).
std::int64_t crop_begin(std::int64_t side, int size, int position, bool is_longer) {
  if (is_longer && position == 0) return 0;
  if (is_longer && position == 2) return side - size;
  return (side - size + 1) / 2;  // ceil
}

struct ScaledSize {
  std::int64_t width;
  std::int64_t height;
};

// pytorchvideo's short_side_scale.
ScaledSize scaled_size(const Image& image, int size) {
  const auto scale = [size](int longer, int shorter) {
    return static_cast<std::int64_t>(
        std::floor(static_cast<double>(longer) / shorter * static_cast<double>(size)));
  };
  if (image.width < image.height) return {size, scale(image.height, image.width)};
  return {scale(image.width, image.height), size};
}

// Where the values of a view lie.
struct ViewSteps {
  std::size_t pixel;    // from one pixel of a row to the next
  std::size_t channel;  // from one colour of a pixel to the next
  std::size_t frame;    // from one frame to the next

  explicit ViewSteps(const VideoTransform& transform) {
    const std::size_t plane = static_cast<std::size_t>(transform.size) * transform.size;
    const bool is_hwc = transform.layout == TensorLayout::kHwc;
    pixel = is_hwc ? kChannels : 1;
    channel = is_hwc ? 1 : plane * transform.frames_per_clip;
    frame = is_hwc ? plane * kChannels : plane;
  }
};

// One crop of one picture as a frame of a view.
void write_crop(const Image& image, const VideoTransform& transform, int position,
                const ViewSteps& steps, float* out) {
  const int size = transform.size;
  const auto [width, height] = scaled_size(image, size);
  const bool tall = height > width;
  const BilinearAxis x(image.width, width, crop_begin(width, size, position, !tall), size);
  const BilinearAxis y(image.height, height, crop_begin(height, size, position, tall), size);
  std::array<float, 256> levels{};  // of 8 bits
  for (std::size_t level = 0; level < levels.size(); ++level)
    levels[level] = static_cast<float>(level) / 255.0F;
  const std::size_t stride = kChannels * static_cast<std::size_t>(image.width);
  for (int row = 0; row < size; ++row) {
    const std::uint8_t* upper = image.rgb.data() + stride * y.low[row];
    const std::uint8_t* lower = image.rgb.data() + stride * y.high[row];
    const float down = y.share[row];
    const float up = 1.0F - down;
    for (int column = 0; column < size; ++column) {
      const int left = kChannels * x.low[column];
      const int right = kChannels * x.high[column];
      const float to_right = x.share[column];
      const float to_left = 1.0F - to_right;
      float* to = out + (static_cast<std::size_t>(row) * size + column) * steps.pixel;
      for (int channel = 0; channel < kChannels; ++channel, to += steps.channel) {
        const float above =
            to_left * levels[upper[left + channel]] + to_right * levels[upper[right + channel]];
        const float below =
            to_left * levels[lower[left + channel]] + to_right * levels[lower[right + channel]];
        *to = (up * above + down * below - transform.mean[channel]) / transform.std[channel];
      }
    }
  }
}

}  // namespace

std::vector<std::int64_t> video_frame_numbers(const VideoInfo& info,
                                              const VideoTransform& transform) {
  std::vector<std::int64_t> numbers;
  for (const Clip& clip : sample_clips(info.duration, transform.clip_seconds, transform.n_clips)) {
    auto begin = static_cast<std::int64_t>(std::ceil(info.frames_per_second * clip.start));
    auto end = static_cast<std::int64_t>(std::ceil(info.frames_per_second * clip.end));
    end = std::min(end, info.frames);
    begin = std::min(begin, end - 1);  // a rate below one frame a clip
    for (const std::int64_t number : spread(end - begin - 1, transform.frames_per_clip))
      numbers.push_back(begin + number);
  }
  return numbers;
}

std::vector<float> video_tensor(VideoReader& video, const VideoTransform& transform) {
  if (transform.n_crops != 1 && transform.n_crops != 3)
    throw Error(ErrorKind::kUsage, "video: " + std::to_string(transform.n_crops) +
                                       " crops are not possible, only 1 or 3");
  const std::vector<std::int64_t> numbers = video_frame_numbers(video.info(), transform);
  const ViewSteps steps(transform);
  const std::size_t view = static_cast<std::size_t>(kChannels) * transform.frames_per_clip *
                           transform.size * transform.size;
  std::vector<float> tensor(view * transform.n_views());
  bool shows_something = false;
  video.read_frames(numbers, [&](std::int64_t frame, const Image& image) {
    shows_something = shows_something || !is_one_colour(image);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] != frame) continue;
      const std::size_t clip = i / transform.frames_per_clip;
      const std::size_t slot = i % transform.frames_per_clip;
      for (int crop = 0; crop < transform.n_crops; ++crop)
        write_crop(image, transform, transform.n_crops == 1 ? 1 : crop, steps,
                   tensor.data() + (clip * transform.n_crops + crop) * view + slot * steps.frame);
    }
  });
  if (!shows_something)
    warn_no_content(video.name() +
                    ": the frames that are looked at are of one colour each; there is nothing "
                    "in them that an answer could be about");
  return tensor;
}

}  // namespace pandagpt
