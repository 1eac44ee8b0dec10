// What an encoders file says about the pictures that a tower takes:
//   pandagpt.TOWER.resize_short_side   u32, pixels, before the centre crop
//   pandagpt.TOWER.image_mean          f32[3] of values in [0, 1]: red, green, blue
//   pandagpt.TOWER.image_std           f32[3]
#pragma once

#include "encoders/tower_kind.h"
#include "preprocess/image.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

/// For a tower that takes pictures of size x size pixels. Throws Error(kModel) on missing keys and
/// impossible values.
ImageTransform read_image_transform(const GgufFile& file, TowerKind kind, int size);

/// Writes the three keys.
void write_image_transform(GgufWriter& writer, TowerKind kind, const ImageTransform& transform);

}  // namespace pandagpt
