// Maps of 16-bit numbers whose bytes were written in the wrong order.
#pragma once

#include "media/scalar_map.h"

namespace pandagpt {

/// Whether the bytes of each number are swapped: neighbouring pixels of a measurement are alike,
/// and with their bytes swapped they are not, by a wide margin. False for maps of other numbers,
/// and where it makes no difference.
bool has_swapped_bytes(const ScalarMap& map);

/// Swaps the bytes of each number, which are whole and of 16 bits.
void swap_bytes(ScalarMap& map);

/// Both, with a line in the report.
void correct_byte_order(ScalarMap& map);

}  // namespace pandagpt
