// Tables of numbers as loggers write them: text with a preamble, a header of one or several lines,
// rows of numbers, dates and labels.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"

namespace pandagpt {

inline constexpr std::uint64_t kMaxTableBytes = std::uint64_t{256} << 20;

/// A number as tables have it: NaN for an empty cell and for "nan", "NA", "null", "none", "-";
/// nothing for other text. With `comma_is_decimal`, "1,5" is a number.
std::optional<double> read_cell(std::string_view cell, bool comma_is_decimal);

/// Seconds of the day of a cell such as "10:11:12.345" or "2021-5-6 10:11:12.345 PM"; nothing for
/// others. What the date is doesn't matter.
std::optional<double> read_clock(std::string_view cell);

/// Lower-case letters and digits only: "Sample rate [Hz]" -> "sampleratehz".
std::string squeezed(std::string_view text);

/// What a kind of table has in its header.
struct HeaderWords {
  std::function<bool(std::string_view)> is_column;  ///< a name of a column that matters
  std::function<bool(std::string_view)> is_unit;    ///< a unit that stands alone
};

/// How the table lies in the text, and its rows one after another.
class TextTable {
 public:
  /// Text in UTF-8, in UTF-16 with a byte order mark, or in Latin-1. The delimiter is what a "sep="
  /// line says, else the tab, semicolon, comma, vertical bar or space by which the rows have most
  /// numbers. The header is the line before the rows that has most columns that matter, also in a
  /// comment ("#", "%", "//"). Throws Error(kInput), "NAME: what; what to do": no text, no rows.
  TextTable(ByteView bytes, std::string name, const HeaderWords& words);

  const std::string& name() const { return name_; }
  /// Names of the columns, with what a line between them and the units says ("RAW"); empty if there
  /// is no header.
  const std::vector<std::string>& header() const { return header_; }
  /// A line of units below it, as long as the header, or empty.
  const std::vector<std::string>& units() const { return units_; }
  std::size_t n_columns() const { return n_columns_; }
  /// All lines before the first row, comments without their mark.
  const std::vector<std::string>& preamble() const { return preamble_; }
  /// "key: value", "key = value" and "key,value" of the preamble; keys squeezed.
  const std::map<std::string, std::string>& notes() const { return notes_; }
  /// The first rows, [row][column], at most 64; a row's trailing empty cells may be missing.
  const std::vector<std::vector<std::string>>& first_rows() const { return first_rows_; }
  bool comma_is_decimal() const { return delimiter_ != ','; }

  /// The cells of a row, of which trailing empty ones may be missing, and its line's number.
  using OnRow = std::function<void(std::span<const std::string_view> cells, std::size_t line)>;
  /// Calls `on_row` for each row. A last line that has fewer cells than the others, as in a file
  /// that was still being written, is left out with a warning. Throws Error(kInput) for another row
  /// of another length.
  void for_each_row(const OnRow& on_row) const;
  bool is_last_line(std::size_t line) const { return line == last_line_; }

 private:
  [[noreturn]] void fail(const std::string& why) const;
  struct Line {
    std::string_view text;
    std::size_t number;
  };
  template <typename OnLine>
  void for_each_line(OnLine on_line) const;
  std::vector<Line> first_lines() const;
  void split(std::string_view line, std::vector<std::string_view>& cells) const;
  std::size_t count_numbers(std::span<const Line> lines);
  void find_delimiter(std::vector<Line>& lines);
  bool is_row(std::string_view line, std::vector<std::string_view>& cells) const;
  void find_rows(std::span<const Line> lines);
  struct HeaderLine {
    std::vector<std::string> cells;
    std::size_t number = 0;
    std::ptrdiff_t n_known = 0;  // of the columns that matter
  };
  void read_note(std::string_view text, std::span<const std::string_view> cells);
  void read_preamble(std::span<const Line> lines, const HeaderWords& words);
  void take_header(std::vector<HeaderLine> lines, const HeaderWords& words);

  std::string name_;
  std::string text_;
  char delimiter_ = ',';
  std::size_t n_cells_ = 0;    // of a row, with the empty ones that follow its last
  std::size_t n_columns_ = 0;  // without those
  std::size_t first_line_ = 0;
  std::size_t last_line_ = 0;
  std::vector<std::string> header_;
  std::vector<std::string> units_;
  std::vector<std::string> preamble_;
  std::map<std::string, std::string> notes_;
  std::vector<std::vector<std::string>> first_rows_;
};

}  // namespace pandagpt
