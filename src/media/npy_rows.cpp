#include "media/npy_rows.h"

#include "media/npy.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

MappedFile map(const std::filesystem::path& path) try {
  return MappedFile(path);
} catch (const Error& error) {  // here it is an input, no model
  throw Error(ErrorKind::kInput, error.what());
}

}  // namespace

NpyRows::NpyRows(const std::filesystem::path& path)
    : name_(path.string()), file_(map(path)), data_(open_npy(file_.bytes(), name_)) {
  if (data_.shape.empty() || data_.shape.size() > 2)
    throw Error(ErrorKind::kInput, name_ + ": is of shape " + npy_shape_text(data_.shape) +
                                       "; rows of numbers, (rows, width), were expected");
}

std::vector<float> NpyRows::row(std::int64_t index) const {
  if (index < 0 || index >= n_rows())
    throw Error(ErrorKind::kInput, name_ + ": has " + std::to_string(n_rows()) +
                                       " rows, so none of number " + std::to_string(index));
  // of (rows, width) in Fortran's order, a row's neighbours lie a column's length apart
  const bool is_strided = data_.is_fortran_order && data_.shape.size() == 2;
  const auto n = static_cast<std::size_t>(width());
  const std::size_t step = is_strided ? static_cast<std::size_t>(n_rows()) : 1;
  const std::size_t first = static_cast<std::size_t>(index) * (is_strided ? 1 : n);
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i)
    values[i] = static_cast<float>(data_.value(first + i * step));
  return values;
}

}  // namespace pandagpt
