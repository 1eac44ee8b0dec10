// Cuts inputs into the patches that become a transformer's tokens.
#pragma once

#include "encoders/imagebind_config.h"

namespace pandagpt {

/// Copies the patches of one input, in the order of the grid (frames, height, width), each as
/// (channels, frames, height, width): `patches` is (n_patches, patch_length). `values` is
/// (channels, n_frames, height, width); with n_frames 1 the frame stands for all frames.
/// What torch.nn.functional.unfold does, in the memory order of a convolution's kernel.
void cut_patches(const StemConfig& stem, const float* values, int n_frames, float* patches);

}  // namespace pandagpt
