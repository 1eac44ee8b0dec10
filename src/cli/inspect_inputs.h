// pandagpt inspect of pictures, sounds, films and sensors' files.
#pragma once

#include <string>

#include "pandagpt/input.h"

namespace pandagpt {

/// Writes what each input was taken for, and why, with what its reader warns of; as one JSON object
/// an input, a list of several.
void inspect_inputs(const Inputs& inputs, bool json);

/// The same of a file whose kind nobody has said; a map that may be of distances or of temperatures
/// is read as both. Throws Error(kInput) for what no reader takes.
Inputs inputs_to_inspect(const std::string& path);

}  // namespace pandagpt
