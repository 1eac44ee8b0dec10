// Rows of .npy files of any length.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "media/npy_format.h"

namespace pandagpt {

/// An array (rows, width), or one row (width), of any of decode_npy()'s types. The file is mapped,
/// and a row's numbers are read when it is asked for: its length is that of the disk. It must not
/// change meanwhile.
class NpyRows {
 public:
  /// Throws Error(kInput) if the file can't be read, as decode_npy(), and for another number of
  /// dimensions.
  explicit NpyRows(const std::filesystem::path& path);

  const std::vector<std::int64_t>& shape() const { return data_.shape; }
  std::int64_t n_rows() const { return data_.shape.size() == 1 ? 1 : data_.shape.front(); }
  std::int64_t width() const { return data_.shape.back(); }
  /// Row `index` as (width) floats. Throws Error(kInput) if there is none.
  std::vector<float> row(std::int64_t index) const;

 private:
  std::string name_;
  MappedFile file_;
  NpyData data_;
};

}  // namespace pandagpt
