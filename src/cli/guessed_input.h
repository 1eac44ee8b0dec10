// Files whose kind nobody has said.
#pragma once

#include <string>
#include <vector>

#include "pandagpt/input.h"

namespace pandagpt {

/// What a file may be, by its content: one kind; or kDepth and kThermal, which look alike; empty
/// for what no reader takes. A radiometric picture is a thermal one.
std::vector<Modality> possible_kinds(const std::string& path);

/// An input of the one kind that a file can be. Throws Error(kUsage), with what to give instead,
/// where there are several or none; Error(kInput) if it can't be read.
Input guessed_input(const std::string& path);

}  // namespace pandagpt
