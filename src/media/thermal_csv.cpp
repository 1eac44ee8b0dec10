#include "media/thermal_csv.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ascii.h"
#include "core/text_file.h"
#include "core/warnings.h"
#include "core/what_is_this.h"
#include "media/temperature_unit.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kBlank = " \t\r";

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Text --------------------------------------------------------------------------------------

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kUtf16Little = "\xFF\xFE";
constexpr std::string_view kUtf16Big = "\xFE\xFF";

/// What matters in such a table is ASCII, but for the degree sign: it becomes '*' whether it is in
/// UTF-8, Latin-1, UTF-16 or a Chinese code page (with the letter behind it: one character there).
std::string plain_text(ByteView bytes) {
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with(kUtf16Little) || text.starts_with(kUtf16Big)) {
    const std::size_t low = text.starts_with(kUtf16Little) ? 0 : 1;
    std::string narrow;
    for (std::size_t at = 2; at + 1 < text.size(); at += 2)
      narrow += text[at + 1 - low] == '\0' ? text[at + low] : '?';
    text = std::move(narrow);
  }
  if (text.starts_with(kUtf8Mark)) text.erase(0, kUtf8Mark.size());
  constexpr std::pair<std::string_view, std::string_view> kOfUtf8[] = {
      {"\xC2\xB0", "*"}, {"\xE2\x84\x83", "*C"}, {"\xE2\x84\x89", "*F"}};
  constexpr std::pair<std::string_view, std::string_view> kOfCodePages[] = {
      {"\xA1\xE6", "*C"}, {"\xA8\x48", "*F"}, {"\xB0", "*"}};
  const std::span signs =
      find_bad_utf8(text).empty() ? std::span(kOfUtf8) : std::span(kOfCodePages);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const bool is_ascii = (static_cast<unsigned char>(text[at]) & 0x80) == 0;
    const auto sign = std::ranges::find_if(signs, [&](const auto& one) {
      return !is_ascii && std::string_view(text).substr(at).starts_with(one.first);
    });
    if (sign == signs.end()) {
      out += text[at++];
    } else {
      out += sign->second;
      at += sign->first.size();
    }
  }
  return out;
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// --- Cells -------------------------------------------------------------------------------------

struct Cell {
  float value = std::numeric_limits<float>::quiet_NaN();
  bool is_number = false;  ///< or a word for none
  bool is_empty = false;
  std::optional<TemperatureUnit> unit = {};
};

bool is_word_for_none(std::string_view text) {
  constexpr std::string_view kWords[] = {"-", "--", "---", "nan", "n/a", "na", "null", "*"};
  const std::string word = ascii_lower(text);
  return std::ranges::find(kWords, word) != std::end(kWords);
}

/// "21,3", "21.3 *C", ">150.0", "NaN".
Cell read_cell(std::string_view text, bool decimal_comma) {
  Cell cell;
  text = trim(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = trim(text.substr(1, text.size() - 2));
    decimal_comma = true;
  }
  if (text.empty()) {
    cell.is_empty = true;
    return cell;
  }
  if (is_word_for_none(text)) {
    cell.is_number = true;
    return cell;
  }
  // Beyond the camera's range.
  while (!text.empty() && (text.front() == '>' || text.front() == '<' || text.front() == '~'))
    text = trim(text.substr(1));
  if (text.starts_with('+')) text.remove_prefix(1);
  constexpr std::size_t kLongest = 40;
  if (text.empty() || text.size() > kLongest) return cell;
  std::array<char, kLongest> digits{};
  std::ranges::copy(text, digits.begin());
  if (decimal_comma) std::replace(digits.begin(), digits.end(), ',', '.');
  const char* end = digits.data() + text.size();
  const auto [stop, code] = std::from_chars(digits.data(), end, cell.value);
  if (code != std::errc()) return {};
  std::string unit(trim({stop, static_cast<std::size_t>(end - stop)}));
  std::erase(unit, '*');
  if (!unit.empty()) cell.unit = temperature_unit_from_name(unit);
  if (!unit.empty() && !cell.unit) return {};
  cell.is_number = true;
  return cell;
}

/// Calls `visit` for each cell of a line; a separator at its end has no cell behind it.
template <typename Visit>
void for_each_cell(std::string_view line, char delimiter, const Visit& visit) {
  line = delimiter == ' ' ? trim(line) : line;
  while (true) {
    std::size_t end = 0;
    for (bool quoted = false; end < line.size() && (quoted || line[end] != delimiter); ++end)
      if (line[end] == '"') quoted = !quoted;
    visit(line.substr(0, end));
    if (end >= line.size()) return;
    line.remove_prefix(end + 1);
    if (delimiter == ' ') line = trim(line);
    if (trim(line).empty() && line.find(delimiter) == std::string_view::npos) return;
  }
}

// --- Rows --------------------------------------------------------------------------------------

struct Row {
  std::vector<float> values;
  bool starts_empty = false;  ///< perhaps a label that isn't repeated, perhaps a missing pixel
  std::size_t n_numbers = 0;
  std::size_t n_words = 0;  ///< other than a label before the numbers
  std::optional<TemperatureUnit> unit = {};
};

/// A line's numbers, and how many words stand among them.
Row read_row(std::string_view line, char delimiter) {
  Row row;
  std::size_t index = 0;
  for_each_cell(line, delimiter, [&](std::string_view text) {
    const Cell cell = read_cell(text, delimiter != ',');
    const bool is_first = index++ == 0;
    if (is_first && !cell.is_number) {
      row.starts_empty = cell.is_empty;
      return;
    }
    row.n_words += cell.is_number || cell.is_empty ? 0 : 1;
    row.n_numbers += cell.is_number ? 1 : 0;
    if (cell.unit) row.unit = cell.unit;
    row.values.push_back(cell.value);
  });
  return row;
}

/// Whether values count up by one: 0, 1, 2, .. or 1, 2, 3, ..
bool counts_up(std::span<const float> values, std::size_t step = 1) {
  constexpr std::size_t kFewestValues = 3;
  const std::size_t count = values.empty() ? 0 : (values.size() - 1) / step + 1;
  if (count < kFewestValues || (values[0] != 0 && values[0] != 1)) return false;
  for (std::size_t i = 1; i < count; ++i)
    if (values[i * step] != values[0] + static_cast<float>(i)) return false;
  return true;
}

/// A table within a text.
struct Table {
  char delimiter = ',';
  std::size_t width = 0;
  std::vector<float> values;  ///< [rows, width]
  std::optional<TemperatureUnit> unit = {};
  std::vector<std::string_view> before;  ///< lines, of which the last may name the columns
  std::size_t n_later = 0;               ///< further tables of this width
  std::size_t bad_line = 0;              ///< a line within it that isn't like the others; 0: none

  std::size_t rows() const { return width == 0 ? 0 : values.size() / width; }
};

constexpr std::size_t kFewest = 4;  // rows and columns of a picture

/// The first table that cells between `delimiter` make. A line that breaks it isn't passed over:
/// the rows before or behind would be missing without a word.
class TableFinder {
 public:
  TableFinder(char delimiter, std::uint64_t max_values) : max_values_(max_values) {
    table_.delimiter = delimiter;
  }

  void add_line(std::string_view line) {
    ++line_;
    Row row = trim(line).empty() ? Row() : read_row(line, table_.delimiter);
    if (row.starts_empty && row.values.size() + 1 == table_.width)
      row.values.insert(row.values.begin(), std::numeric_limits<float>::quiet_NaN());
    const std::size_t width = row.values.size();
    if (row.n_words > 0 && row.n_numbers > row.n_words) {  // rather a damaged row than a heading
      if (width == table_.width) return break_off();
      dropped_width_ = width;
      dropped_at_ = line_;
    }
    if (row.n_words > 0 || row.n_numbers == 0 || width < kFewest) return end_table(line);
    if (is_done_) {
      if (!in_later_ && width == table_.width) ++table_.n_later;
      in_later_ = true;
      return;
    }
    if (table_.width != 0 && width != table_.width) {
      // Only numbers of columns stand right before a table and are of another length.
      if (table_.rows() > 1 || !counts_up(table_.values)) return break_off();
      end_table(last_line_);
    }
    if (table_.width == 0 && width == dropped_width_) return break_off();
    table_.width = width;
    if (row.unit) table_.unit = row.unit;
    table_.values.insert(table_.values.end(), row.values.begin(), row.values.end());
    last_line_ = line;
    is_too_large_ = is_too_large_ || table_.values.size() > max_values_;
  }

  Table finish() {
    if (table_.rows() < kFewest && table_.bad_line == 0) table_.values.clear();
    return std::move(table_);
  }
  bool is_too_large() const { return is_too_large_; }

 private:
  void break_off() {
    if (is_done_) return;
    table_.bad_line = dropped_width_ != 0 && table_.width == 0 ? dropped_at_ : line_;
    if (table_.width == 0) table_.width = dropped_width_;
    is_done_ = true;
  }

  void end_table(std::string_view line) {
    constexpr std::size_t kMostBefore = 1000;
    in_later_ = false;
    if (is_done_) return;
    if (table_.rows() >= kFewest) {
      is_done_ = true;
      return;
    }
    if (table_.width != 0) {  // too few rows: something before the table
      table_.before.push_back(last_line_);
      if (!counts_up(table_.values)) dropped_width_ = table_.width;
      dropped_at_ = line_;
    }
    table_.values.clear();
    table_.width = 0;
    if (!trim(line).empty() && table_.before.size() < kMostBefore) table_.before.push_back(line);
  }

  Table table_;
  std::uint64_t max_values_;
  std::string_view last_line_;
  std::size_t line_ = 0;
  std::size_t dropped_width_ = 0;  ///< of rows that seemed to stand before the table
  std::size_t dropped_at_ = 0;     ///< line that ended them
  bool is_done_ = false;
  bool in_later_ = false;
  bool is_too_large_ = false;
};

template <typename Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!visit(line)) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// The separator that makes the widest table of the first lines; 0 if none makes one.
char find_delimiter(std::string_view text) {
  constexpr std::size_t kLookedAt = 200;  // lines
  char best = 0;
  std::size_t widest = kFewest - 1;
  for (const char delimiter : {';', '\t', ',', ' '}) {
    TableFinder finder(delimiter, std::numeric_limits<std::uint64_t>::max());
    std::size_t lines = 0;
    for_each_line(text, [&](std::string_view line) {
      finder.add_line(line);
      return ++lines < kLookedAt;
    });
    const Table table = finder.finish();
    if ((table.rows() < kFewest && table.bad_line == 0) || table.width <= widest) continue;
    best = delimiter;
    widest = table.width;
  }
  return best;
}

// --- What a table means ----------------------------------------------------------------------

/// A row above and a column before the pixels that only number them.
void drop_numbering(Table& table) {
  const std::span first_row = std::span(table.values).subspan(0, table.width);
  // In the corner stands a label, or any number.
  if (table.rows() > kFewest && (counts_up(first_row.subspan(1)) || counts_up(first_row)))
    table.values.erase(table.values.begin(),
                       table.values.begin() + static_cast<std::ptrdiff_t>(table.width));
  if (table.width <= kFewest || !counts_up(table.values, table.width)) return;
  std::vector<float> kept;
  kept.reserve(table.values.size());
  for (std::size_t i = 0; i < table.values.size(); ++i)
    if (i % table.width != 0) kept.push_back(table.values[i]);
  table.values = std::move(kept);
  --table.width;
}

/// With commas both as separators and within numbers, "21,3,21,4" looks like four numbers: whole
/// ones, of which each second has the same few digits and changes far more than the others.
bool has_split_decimals(const Table& table) {
  if (table.delimiter != ',' || table.width % 2 != 0) return false;
  constexpr float kMostDecimals = 100;
  double change_of_wholes = 0, change_of_decimals = 0;
  for (std::size_t i = 0; i < table.values.size(); ++i) {
    const float value = table.values[i];
    if (!(value == std::floor(value)) || (i % 2 == 1 && (value < 0 || value >= kMostDecimals)))
      return false;
    if (i % table.width < 2) continue;
    (i % 2 == 0 ? change_of_wholes : change_of_decimals) += std::abs(value - table.values[i - 2]);
  }
  return change_of_decimals > 2 * change_of_wholes;
}

/// The unit that the lines before the table name, if it is one only: "*C", "(Celsius)", "[K]".
std::optional<TemperatureUnit> unit_of_lines(const std::vector<std::string_view>& lines) {
  std::optional<TemperatureUnit> found;
  for (const std::string_view line : lines) {
    std::string word;
    for (std::size_t i = 0; i <= line.size(); ++i) {
      const char c = i < line.size() ? line[i] : ' ';
      const bool belongs = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
      if (belongs) {
        word += c;
        continue;
      }
      const bool is_sure = word.starts_with('*') || word.size() > 1;
      std::erase(word, '*');
      const auto unit = is_sure ? temperature_unit_from_name(word) : std::nullopt;
      word.clear();
      if (!unit) continue;
      if (found && *found != *unit) return std::nullopt;
      found = unit;
    }
  }
  return found;
}

/// Whether the line right before the table names as many columns as it has.
bool has_named_columns(const Table& table) {
  constexpr std::size_t kMostColumns =
      24;  // sensors with as many pixels in a row have names for none
  if (table.before.empty() || table.width >= kMostColumns) return false;
  std::size_t names = 0;
  bool all = true;
  for_each_cell(table.before.back(), table.delimiter, [&](std::string_view text) {
    ++names;
    const char first = trim(text).empty() ? ' ' : trim(text).front();
    all = all && ((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '"');
  });
  return all && names == table.width;
}

std::string quoted_start(std::string_view line) {
  constexpr std::size_t kLongest = 40;
  return fmt::format("\"{}{}\"", line.substr(0, kLongest), line.size() > kLongest ? ".." : "");
}

void check_table(const Table& table, const std::string& name) {
  if (has_named_columns(table))
    fail(name, "a table with named columns (" + quoted_start(table.before.back()) +
                   "), not a matrix of temperatures; give one cell for each pixel");
  if (table.bad_line != 0)
    fail(name, fmt::format("line {} isn't a row of {} numbers, as those beside it are; correct the "
                           "table",
                           table.bad_line, table.width));
  if (std::min(table.width, table.rows()) < kFewest)
    fail(name,
         fmt::format("a table of {} columns and {} rows is no picture; give one cell for each "
                     "pixel",
                     table.width, table.rows()));
  if (has_split_decimals(table))
    fail(name,
         "commas stand between the cells and, it seems, within the numbers; save the table "
         "with semicolons or with decimal points");
}

ScalarMap make_map(Table table, const std::string& name) {
  const bool integer = std::ranges::all_of(
      table.values, [](float value) { return std::isnan(value) || value == std::floor(value); });
  const std::optional<TemperatureUnit> unit = table.unit ? table.unit : unit_of_lines(table.before);
  ScalarMap map{static_cast<int>(table.width), static_cast<int>(table.rows()), integer,
                std::move(table.values)};
  map.report.format = "table of temperatures (CSV)";
  map.report.add("separator", table.delimiter == '\t' ? "tab" : std::string(1, table.delimiter));
  if (unit) {
    turn_into_celsius(map.values, *unit);
    map.unit = MapUnit::kCelsius;
    map.integer = false;
    const char* const names[] = {"degrees Celsius", "degrees Fahrenheit, turned into Celsius",
                                 "kelvin, turned into Celsius"};
    map.report.add("unit", names[static_cast<int>(*unit)], "the table's text");
  } else {
    map.report.add("unit", "not said; the numbers are taken as they are");
  }
  if (table.n_later > 0) {
    map.report.add("tables", fmt::format("the first of {}", table.n_later + 1));
    warn(fmt::format("{}: the file has {} tables; the first one is used", name, table.n_later + 1));
  }
  return map;
}

}  // namespace

bool may_be_thermal_csv(ByteView bytes) {
  constexpr std::size_t kLookedAt = 1024;
  const std::string text = plain_text(bytes.subspan(0, std::min(bytes.size(), kLookedAt)));
  if (text.empty()) return false;
  const auto is_control = [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return (code < 0x20 && c != '\t' && c != '\n' && c != '\r') || code == 0x7F;
  };
  return std::ranges::none_of(text, is_control) &&
         std::ranges::any_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

ScalarMap decode_thermal_csv(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  const std::string text = plain_text(bytes);
  const char delimiter = find_delimiter(text);
  if (const std::string what = what_is_this(bytes); is_text_by_mistake(what)) fail(name, what);
  if (delimiter == 0)
    fail(name,
         "a text without a matrix of temperatures; give a table with one cell for each pixel, "
         "or a picture");
  TableFinder finder(delimiter, limits.max_pixels);
  for_each_line(text, [&](std::string_view line) {
    finder.add_line(line);
    return !finder.is_too_large();
  });
  if (finder.is_too_large())
    fail(name, fmt::format("the table has more cells than the limit of {} million pixels; make it "
                           "smaller first",
                           limits.max_pixels / 1'000'000));
  Table table = finder.finish();
  if (table.bad_line == 0) drop_numbering(table);
  check_table(table, name);
  check_map_size(table.width, table.rows(), name, limits);
  return make_map(std::move(table), name);
}

}  // namespace pandagpt
