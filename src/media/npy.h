// NumPy's .npy files: one array of numbers, as a whole. Rows of large ones: npy_rows.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

struct NpyArray {
  std::vector<std::int64_t> shape;  ///< of the array; one value has none
  std::vector<double> values;       ///< row-major, whatever the order of the file
  bool integer = false;             ///< the file holds whole numbers
};

/// What is refused before memory is taken for it.
inline constexpr std::uint64_t kMaxNpyBytes = std::uint64_t{256} << 20;
inline constexpr std::int64_t kMaxNpyValues = 32 << 20;

/// Whether `bytes` begin as an .npy file does.
bool is_npy(ByteView bytes);

/// Reads version 1 to 3 with integers of 8 to 64 bits and floats of 16, 32 and 64 bits, in either
/// byte order. The header, a Python literal, is parsed by a grammar that knows nothing else;
/// objects (which NumPy would unpickle) are refused. `name` stands for the file in messages. Throws
/// Error(kInput): another format, damaged, another type, too large, or fewer data than the header
/// promises (judged before memory is taken).
NpyArray decode_npy(ByteView bytes, const std::string& name);

/// "(480, 640)".
std::string npy_shape_text(const std::vector<std::int64_t>& shape);

}  // namespace pandagpt
