// High dynamic range video (HDR10, HLG) -> the standard range that pictures have.
#pragma once

#include <cstdint>
#include <vector>

struct AVFrame;  // libavutil/frame.h

namespace pandagpt {

/// Whether a frame's numbers are of PQ (HDR10, SMPTE ST 2084) or HLG (ARIB STD-B67): shown as they
/// are, they look flat and grey.
bool is_hdr(const AVFrame& frame);

/// Maps the colours of one kind of frame: its transfer, and its brightest light where it says it.
/// Light up to about half of the standard range's white (203 cd/m^2, ITU-R BT.2408) stays as it is,
/// what is brighter is rolled off (the EETF of ITU-R BT.2390, on the largest of a pixel's three),
/// and BT.2020's colours become BT.709's.
class ToneMapper {
 public:
  explicit ToneMapper(const AVFrame& frame);

  /// Whether it is the right one for a frame.
  bool fits(const AVFrame& frame) const;
  /// `n_pixels` of 3 samples of 16 bits in native order, full range -> of 8 bits.
  void map(const std::uint16_t* in, std::size_t n_pixels, std::uint8_t* out) const;

 private:
  int transfer_;
  double peak_;                ///< cd/m^2
  std::vector<float> light_;   ///< [65536] of a sample: PQ cd/m^2 / 203, HLG relative to the scene
  std::vector<float> scale_;   ///< by the root of the largest light's share of the peak
  std::vector<float> system_;  ///< HLG: from the scene's light to the display's, by its luminance
  std::vector<std::uint8_t> level_;  ///< of linear light, 0..1
};

}  // namespace pandagpt
