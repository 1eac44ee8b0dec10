#include "media/npy.h"

#include <utility>

#include "media/npy_format.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

std::int64_t count_values(const std::vector<std::int64_t>& shape, const std::string& name) {
  std::int64_t count = 1;
  for (const std::int64_t length : shape) {
    if (length != 0 && count > kMaxNpyValues / length)
      throw Error(ErrorKind::kInput, name + ": an array of shape " + npy_shape_text(shape) +
                                         " is larger than the limit of " +
                                         std::to_string(kMaxNpyValues >> 20) +
                                         " million values; make it smaller");
    count *= length;
  }
  return count;
}

/// From the first index running fastest to the last.
std::vector<double> to_row_major(const std::vector<double>& values,
                                 const std::vector<std::int64_t>& shape) {
  std::vector<double> out(values.size());
  std::vector<std::int64_t> index(shape.size(), 0);
  for (const double value : values) {
    std::int64_t to = 0;
    for (std::size_t d = 0; d < shape.size(); ++d)
      to = to * shape[d] + index[d];
    out[static_cast<std::size_t>(to)] = value;
    for (std::size_t d = 0; d < shape.size() && ++index[d] == shape[d]; ++d)
      index[d] = 0;
  }
  return out;
}

}  // namespace

NpyArray decode_npy(ByteView bytes, const std::string& name) {
  NpyData data = open_npy(bytes, name);
  NpyArray array;
  array.integer = data.type->code[0] != 'f';
  array.values.resize(static_cast<std::size_t>(count_values(data.shape, name)));
  for (std::size_t i = 0; i < array.values.size(); ++i)
    array.values[i] = data.value(i);
  if (data.is_fortran_order) array.values = to_row_major(array.values, data.shape);
  array.shape = std::move(data.shape);
  return array;
}

}  // namespace pandagpt
