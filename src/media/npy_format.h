// The format of .npy files: the header, and numbers of any type. What is made of them: npy.h,
// npy_rows.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// A type of number that an .npy file may hold.
struct NpyType {
  std::string_view code;  ///< kind and bytes: "f4"
  std::size_t bytes;
  double (*read)(std::uint64_t bits);
};

/// An .npy file whose header has been read, and whose data are all there.
struct NpyData {
  std::vector<std::int64_t> shape;
  const NpyType* type;
  bool is_big_endian;
  bool is_fortran_order;  ///< the first index runs fastest
  ByteView bytes;         ///< of the values; a part of the file

  /// Value `index` in the order of the file.
  double value(std::size_t index) const {
    const std::uint8_t* in = bytes.data() + index * type->bytes;
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < type->bytes; ++i)
      bits |= std::uint64_t{in[is_big_endian ? type->bytes - 1 - i : i]} << (8 * i);
    return type->read(bits);
  }
};

/// Reads the header of `bytes`, which must outlive the result: what decode_npy() reads, of any
/// length. Throws as decode_npy().
NpyData open_npy(ByteView bytes, const std::string& name);

}  // namespace pandagpt
