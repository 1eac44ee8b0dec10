// Tables of numbers as text: CSV and its relatives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

struct CsvTable {
  /// "key: value" and "key = value" of comment lines, keys in lower case.
  std::map<std::string, std::string> notes;
  std::vector<std::string> header;  ///< column names; empty if the first line holds numbers
  std::size_t n_columns = 0;
  std::vector<double> values;  ///< [rows, n_columns], row-major; NaN for an empty cell

  std::size_t n_rows() const { return n_columns == 0 ? 0 : values.size() / n_columns; }
};

inline constexpr std::uint64_t kMaxCsvBytes = std::uint64_t{256} << 20;

/// The delimiter is a semicolon, a tab, a comma or spaces, by the first line; beside semicolons a
/// comma may be the decimal mark. Lines that start with "#", "%" or "//" are comments. Cells may be
/// quoted. Throws Error(kInput) that names the line: no number where one is expected, another
/// number of cells, no rows, no text.
CsvTable decode_csv(ByteView bytes, const std::string& name);

}  // namespace pandagpt
