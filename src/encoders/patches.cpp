#include "encoders/patches.h"

#include <algorithm>

namespace pandagpt {
namespace {

/// One patch that begins at the given frame, row and column.
float* copy_patch(const StemConfig& stem, const float* values, int n_frames, const PatchBox& begin,
                  float* out) {
  const std::int64_t row_length = stem.input.width;
  const std::int64_t frame_length = row_length * stem.input.height;
  for (int channel = 0; channel < stem.channels; ++channel) {
    for (int i = 0; i < stem.kernel.frames; ++i) {
      const int frame = n_frames == 1 ? 0 : begin.frames + i;
      const float* row = values + (std::int64_t{channel} * n_frames + frame) * frame_length +
                         begin.height * row_length + begin.width;
      for (int y = 0; y < stem.kernel.height; ++y, row += row_length)
        out = std::copy_n(row, stem.kernel.width, out);
    }
  }
  return out;
}

}  // namespace

void cut_patches(const StemConfig& stem, const float* values, int n_frames, float* patches) {
  const PatchBox grid = stem.grid();
  for (int frame = 0; frame < grid.frames; ++frame)
    for (int y = 0; y < grid.height; ++y)
      for (int x = 0; x < grid.width; ++x)
        patches = copy_patch(
            stem, values, n_frames,
            {frame * stem.stride.frames, y * stem.stride.height, x * stem.stride.width}, patches);
}

}  // namespace pandagpt
