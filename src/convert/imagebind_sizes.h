// The sizes of ImageBind's towers, read off a checkpoint.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "convert/tensor_source.h"
#include "encoders/imagebind_config.h"
#include "encoders/tower_kind.h"

namespace pandagpt {

/// The tower that a tensor of the reference's state dict belongs to, judged by its name
/// ("modality_trunks.audio..."); nothing for a name that is not ImageBind's.
std::optional<TowerKind> tower_of_tensor(const std::string& name);

/// The towers that have any tensor in the checkpoint.
std::vector<TowerKind> towers_of(const TensorSource& source);

/// What the tensors' shapes tell. The rest is ImageBind-Huge's: the number of channels, the audio's
/// input and stride, and the number of heads, if the tower has ImageBind-Huge's width; another
/// width needs its number in `n_heads`, which is believed before anything else. A tensor that is
/// missing or makes no sense leaves ImageBind-Huge's size in place, for check_tensors to complain
/// of. Throws Error(kUsage) if the number of heads is unknown or no divisor of the width.
TowerConfig infer_tower_config(const TensorSource& source, TowerKind tower,
                               const std::map<TowerKind, int>& n_heads);

}  // namespace pandagpt
