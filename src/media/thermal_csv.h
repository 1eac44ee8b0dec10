// Tables of temperatures, one cell a pixel, as the programs of thermal cameras export them.
#pragma once

#include <string>

#include "core/file.h"
#include "media/scalar_map.h"

namespace pandagpt {

/// Whether a file may be such a table: text, also of Windows' code pages and UTF-16.
bool may_be_thermal_csv(ByteView bytes);

/// Cells are separated by semicolons, tabs, commas or spaces; beside all but commas a comma may be
/// the decimal mark, as in quoted cells. What stands before the first row of numbers and behind the
/// last one is left out, and so are a row and a column that only count, and a label before each
/// row. "°C", "°F" and "K" beside numbers or in the lines before give the unit (the result is
/// Celsius); without one the numbers are taken as they are. An empty cell is a pixel without a
/// value. Of several tables the first is taken, with a warning. Throws Error(kInput): no such
/// table, a table of named columns, rows of different lengths, decimal commas that can't be told
/// from separators, larger than `limits`.
ScalarMap decode_thermal_csv(ByteView bytes, const std::string& name, const ImageLimits& limits);

}  // namespace pandagpt
