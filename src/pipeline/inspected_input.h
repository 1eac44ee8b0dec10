// What an input was taken for, and why.
#pragma once

#include "media/input_report.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// Reads an input as prepare() does, by its sensor's options. The report is its reader's, with
/// size, range and holes of maps. Throws Error(kInput), "NAME: what; what to do".
InputReport inspect_input(const Input& input, const InputLimits& limits = {});

}  // namespace pandagpt
