#include "media/tone_map.h"

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/pixfmt.h>
}

#include <algorithm>
#include <array>
#include <cmath>

namespace pandagpt {
namespace {

constexpr int kSamples = 65536;
constexpr int kSteps = 4096;         // of the tables by light
constexpr double kWhite = 203;       // cd/m^2: white of the standard range, BT.2408
constexpr double kPqPeak = 10'000;   // cd/m^2
constexpr double kUsualPeak = 1000;  // cd/m^2, of displays that such films are made for
constexpr double kLuminanceOf[] = {0.2627, 0.6780, 0.0593};  // BT.2020

// SMPTE ST 2084.
constexpr double kM1 = 2610.0 / 16384, kM2 = 2523.0 / 4096 * 128;
constexpr double kC1 = 3424.0 / 4096, kC2 = 2413.0 / 4096 * 32, kC3 = 2392.0 / 4096 * 32;

double light_of_pq(double signal) {
  const double power = std::pow(signal, 1 / kM2);
  return kPqPeak * std::pow(std::max(power - kC1, 0.0) / (kC2 - kC3 * power), 1 / kM1);
}

double pq_of_light(double light) {
  const double power = std::pow(std::clamp(light / kPqPeak, 0.0, 1.0), kM1);
  return std::pow((kC1 + kC2 * power) / (1 + kC3 * power), kM2);
}

// ARIB STD-B67: the signal -> light of the scene, 0..1.
double light_of_hlg(double signal) {
  constexpr double kA = 0.17883277, kB = 0.28466892, kC = 0.55991073;
  return signal <= 0.5 ? signal * signal / 3 : (std::exp((signal - kC) / kA) + kB) / 12;
}

// BT.2390: light of a display with `peak` -> of one whose brightest is kWhite; cd/m^2.
double roll_off(double light, double peak) {
  const double brightest = pq_of_light(peak);
  const double limit = pq_of_light(kWhite) / brightest;
  const double knee = 1.5 * limit - 0.5;
  const double signal = pq_of_light(light) / brightest;
  if (signal < knee) return light;
  const double t = (signal - knee) / (1 - knee);
  const double t2 = t * t;
  const double t3 = t2 * t;
  const double mapped =
      (2 * t3 - 3 * t2 + 1) * knee + (t3 - 2 * t2 + t) * (1 - knee) + (-2 * t3 + 3 * t2) * limit;
  return light_of_pq(mapped * brightest);
}

double peak_of(const AVFrame& frame) {
  constexpr double kLeast = 250;
  if (frame.color_trc == AVCOL_TRC_ARIB_STD_B67) return kUsualPeak;
  double peak = 0;
  if (const AVFrameSideData* data =
          av_frame_get_side_data(&frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL))
    peak = reinterpret_cast<const AVContentLightMetadata*>(data->data)->MaxCLL;
  const AVFrameSideData* display =
      av_frame_get_side_data(&frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
  if (peak == 0 && display != nullptr) {
    const auto* metadata = reinterpret_cast<const AVMasteringDisplayMetadata*>(display->data);
    if (metadata->has_luminance != 0 && metadata->max_luminance.den != 0)
      peak = av_q2d(metadata->max_luminance);
  }
  return peak >= kLeast && peak <= kPqPeak ? peak : kUsualPeak;
}

// Light of BT.2020's primaries -> of BT.709's (BT.2087).
constexpr std::array<std::array<float, 3>, 3> kGamut{
    {{1.6605F, -0.5876F, -0.0728F}, {-0.1246F, 1.1329F, -0.0083F}, {-0.0182F, -0.1006F, 1.1187F}}};

}  // namespace

bool is_hdr(const AVFrame& frame) {
  return frame.color_trc == AVCOL_TRC_SMPTE2084 || frame.color_trc == AVCOL_TRC_ARIB_STD_B67;
}

ToneMapper::ToneMapper(const AVFrame& frame)
    : transfer_(frame.color_trc),
      peak_(peak_of(frame)),
      light_(kSamples),
      scale_(kSteps + 1),
      level_(kSamples) {
  constexpr double kDisplayGamma = 2.4;  // BT.1886
  constexpr double kSystemGamma = 1.2;   // of HLG on a display of 1000 cd/m^2
  const bool is_hlg = transfer_ == AVCOL_TRC_ARIB_STD_B67;
  for (int i = 0; i < kSamples; ++i) {
    const double share = double(i) / (kSamples - 1);
    light_[i] = static_cast<float>(is_hlg ? light_of_hlg(share) : light_of_pq(share) / kWhite);
    level_[i] = static_cast<std::uint8_t>(std::lround(255 * std::pow(share, 1 / kDisplayGamma)));
  }
  for (int i = 0; i <= kSteps; ++i) {
    const double root = double(i) / kSteps;
    const double light = root * root * peak_;
    scale_[i] = static_cast<float>(light > 0 ? roll_off(light, peak_) / light : 1);
  }
  if (!is_hlg) return;
  system_.resize(kSteps + 1);
  for (int i = 0; i <= kSteps; ++i)
    system_[i] =
        static_cast<float>(kUsualPeak / kWhite * std::pow(double(i) / kSteps, kSystemGamma - 1));
}

bool ToneMapper::fits(const AVFrame& frame) const {
  return frame.color_trc == transfer_ && peak_of(frame) == peak_;
}

void ToneMapper::map(const std::uint16_t* in, std::size_t n_pixels, std::uint8_t* out) const {
  const auto peak = static_cast<float>(peak_ / kWhite);
  for (std::size_t pixel = 0; pixel < n_pixels; ++pixel, in += 3, out += 3) {
    std::array<float, 3> light{light_[in[0]], light_[in[1]], light_[in[2]]};
    if (!system_.empty()) {
      double luminance = 0;
      for (int i = 0; i < 3; ++i)
        luminance += kLuminanceOf[i] * light[i];
      const float gain = system_[static_cast<std::size_t>(std::min(luminance, 1.0) * kSteps)];
      for (float& one : light)
        one *= gain;
    }
    const float largest = std::min(std::max({light[0], light[1], light[2]}), peak);
    const float scale = scale_[static_cast<std::size_t>(std::sqrt(largest / peak) * kSteps)];
    for (int i = 0; i < 3; ++i) {
      float value = 0;
      for (int j = 0; j < 3; ++j)
        value += kGamut[i][j] * light[j];
      value = std::clamp(value * scale, 0.0F, 1.0F);
      out[i] = level_[static_cast<std::size_t>(value * (kSamples - 1))];
    }
  }
}

}  // namespace pandagpt
