// What kind of input a buffer is, by its content.
#pragma once

#include <string>

#include "core/file.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// A picture, a film, or else a sound: what tells by its own first bytes. Thermal pictures, depth
/// maps and motion don't. `name` stands for the buffer in messages. Throws Error(kInput) if it is
/// none of the three.
Modality media_kind(ByteView bytes, const std::string& name);

}  // namespace pandagpt
