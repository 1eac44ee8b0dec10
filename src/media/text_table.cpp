#include "media/text_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "core/ascii.h"
#include "core/warnings.h"
#include "media/table_encoding.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kBlank = " \t";
constexpr std::size_t kLinesLookedAt = 400;
constexpr std::size_t kRowsLookedAt = 64;
/// A row of a table has at least so many numbers: the three axes of a sensor.
constexpr std::size_t kLeastNumbers = 3;
constexpr std::string_view kCommentMarks[] = {"#", "%", "//"};

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string_view unquoted(std::string_view cell) {
  cell = trim(cell);
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"')
    cell = trim(cell.substr(1, cell.size() - 2));
  return cell;
}

/// What follows the mark of a comment; nothing for another line.
std::optional<std::string_view> comment_of(std::string_view line) {
  const std::string_view text = trim(line);
  for (const std::string_view mark : kCommentMarks)
    if (text.starts_with(mark)) return text.substr(mark.size());
  return std::nullopt;
}

/// The delimiter of a line "sep=;", which programs for spreadsheets write and read.
std::optional<char> said_delimiter(std::string_view line) {
  const std::string_view text = unquoted(line);
  if (ascii_lower(text.substr(0, 4)) != "sep=") return std::nullopt;
  const std::string_view value = text.substr(4);
  if (value == "\\t" || value.empty()) return '\t';  // a tab itself was trimmed
  return value.size() == 1 ? std::optional(value[0]) : std::nullopt;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string without_quotes(std::string_view text) {
  std::string out(text);
  std::erase(out, '"');
  return out;
}

}  // namespace

std::optional<double> read_cell(std::string_view cell, bool comma_is_decimal) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  constexpr std::size_t kLongestNumber = 64;
  if (cell.empty() || cell == "-") return kMissing;
  if (cell.size() > kLongestNumber) return std::nullopt;
  if (cell[0] == '+') cell.remove_prefix(1);
  char number[kLongestNumber];
  const char* begin = cell.data();
  if (comma_is_decimal && cell.find(',') != std::string_view::npos) {
    std::ranges::replace_copy(cell, number, ',', '.');
    begin = number;
  }
  const char* end = begin + cell.size();
  double value = 0;
  const auto [stop, code] = std::from_chars(begin, end, value);
  if (stop == end && stop != begin) return code == std::errc() ? value : kMissing;
  const std::string word = ascii_lower(cell);
  if (word == "na" || word == "n/a" || word == "null" || word == "none" || word == "-nan(ind)")
    return kMissing;
  return std::nullopt;
}

std::optional<double> read_clock(std::string_view cell) {
  const std::size_t first = cell.find(':');
  if (first == std::string_view::npos || first == 0 || !is_digit(cell[first - 1]))
    return std::nullopt;
  std::size_t begin = first - 1;
  if (begin > 0 && is_digit(cell[begin - 1])) --begin;
  double parts[3] = {};  // hours, minutes, seconds
  std::size_t at = begin;
  const auto read_part = [&](double& part) {
    const auto [stop, code] = std::from_chars(cell.data() + at, cell.data() + cell.size(), part,
                                              std::chars_format::fixed);
    const std::size_t length = static_cast<std::size_t>(stop - cell.data()) - at;
    at += length;
    return code == std::errc() ? length : 0;
  };
  for (int i = 0; i < 3; ++i) {
    if (i > 0 && (at >= cell.size() || cell[at++] != ':')) return std::nullopt;
    if (read_part(parts[i]) == 0) return std::nullopt;
  }
  // GENEActiv and others set the thousandths apart by a colon or a comma.
  if (at < cell.size() && (cell[at] == ':' || cell[at] == ',')) {
    ++at;
    double digits = 0;
    const std::size_t length = read_part(digits);
    parts[2] += digits / std::pow(10, length);
  }
  const std::string rest = ascii_lower(cell.substr(std::min(at, cell.size())));
  if (rest.find("pm") != std::string::npos && parts[0] < 12) parts[0] += 12;
  if (rest.find("am") != std::string::npos && parts[0] == 12) parts[0] = 0;
  if (parts[0] >= 24 || parts[1] >= 60 || parts[2] >= 61) return std::nullopt;
  return parts[0] * 3600 + parts[1] * 60 + parts[2];
}

std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : ascii_lower(text))
    if ((c >= 'a' && c <= 'z') || is_digit(c)) out += c;
  return out;
}

// --- Lines and cells -----------------------------------------------------------------------------

void TextTable::fail(const std::string& why) const {
  throw Error(ErrorKind::kInput, name_ + ": " + why);
}

/// Calls `on_line(line)` for each line with something in it, until it returns false.
template <typename OnLine>
void TextTable::for_each_line(OnLine on_line) const {
  std::string_view rest = text_;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!trim(line).empty() && !on_line(Line{line, number})) return;
  }
}

std::vector<TextTable::Line> TextTable::first_lines() const {
  std::vector<Line> lines;
  for_each_line([&](const Line& line) {
    lines.push_back(line);
    return lines.size() < kLinesLookedAt;
  });
  return lines;
}

void TextTable::split(std::string_view line, std::vector<std::string_view>& cells) const {
  cells.clear();
  if (delimiter_ == ' ') line = trim(line);
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (quoted || line[i] != delimiter_)) continue;
    const std::string_view cell = line.substr(begin, i - begin);
    if (delimiter_ != ' ' || !cell.empty())
      cells.push_back(unquoted(cell));  // spaces: a run is one
    begin = i + 1;
  }
  // WISDM ends its rows with a semicolon beside commas.
  if (!cells.empty() && delimiter_ != ';' && cells.back().ends_with(';'))
    cells.back().remove_suffix(1);
}

bool TextTable::is_row(std::string_view line, std::vector<std::string_view>& cells) const {
  if (comment_of(line)) return false;
  split(line, cells);
  std::size_t numbers = 0;
  std::size_t filled = 0;
  for (const std::string_view cell : cells) {
    filled += !cell.empty();
    numbers += !cell.empty() && read_cell(cell, comma_is_decimal()).has_value();
  }
  return numbers >= kLeastNumbers && numbers * 3 >= filled;
}

std::size_t TextTable::count_numbers(std::span<const Line> lines) {
  std::size_t numbers = 0;
  std::vector<std::string_view> cells;
  for (const Line& line : lines)
    if (is_row(line.text, cells))
      numbers += static_cast<std::size_t>(std::ranges::count_if(cells, [&](std::string_view cell) {
        return !cell.empty() && read_cell(cell, comma_is_decimal()).has_value();
      }));
  return numbers;
}

void TextTable::find_delimiter(std::vector<Line>& lines) {
  if (const auto said = lines.empty() ? std::nullopt : said_delimiter(lines.front().text)) {
    lines.erase(lines.begin());
    delimiter_ = *said;
    if (count_numbers(lines) > 0) return;
  }
  std::size_t most = 0;
  char best = ',';
  for (const char one : {'\t', ';', ',', '|', ' '}) {
    delimiter_ = one;
    const std::size_t numbers = count_numbers(lines);
    if (numbers > most) best = one;
    most = std::max(most, numbers);
  }
  delimiter_ = best;
}

// --- Header and rows -----------------------------------------------------------------------------

TextTable::TextTable(ByteView bytes, std::string name, const HeaderWords& words)
    : name_(std::move(name)), text_(table_text(bytes, name_)) {
  std::vector<Line> lines = first_lines();
  find_delimiter(lines);
  find_rows(lines);
  read_preamble(lines, words);
}

/// The usual number of cells of a row, and the first row: the line after it is one, too.
void TextTable::find_rows(std::span<const Line> lines) {
  std::map<std::size_t, std::size_t> lengths;
  std::vector<std::string_view> cells;
  for (const Line& line : lines)
    if (is_row(line.text, cells)) ++lengths[cells.size()];
  if (lengths.empty()) fail("the table has no rows of numbers; give a recording");
  n_cells_ =
      std::ranges::max_element(lengths, {}, [](const auto& one) { return one.second; })->first;
  const auto fits = [&](const Line& line) {
    return is_row(line.text, cells) && cells.size() == n_cells_;
  };
  for (std::size_t i = 0; i < lines.size() && first_line_ == 0; ++i)
    if (fits(lines[i]) && (i + 1 == lines.size() || is_row(lines[i + 1].text, cells)))
      first_line_ = lines[i].number;
  if (first_line_ == 0) fail("the table has no rows of equal length; give a recording");
  for (const Line& line : lines) {
    if (line.number < first_line_ || !fits(line) || first_rows_.size() == kRowsLookedAt) continue;
    while (!cells.empty() && cells.back().empty())
      cells.pop_back();
    n_columns_ = std::max(n_columns_, cells.size());
    first_rows_.emplace_back(cells.begin(), cells.end());
  }
  for_each_line([&](const Line& line) {
    last_line_ = line.number;
    return true;
  });
}

void TextTable::read_note(std::string_view text, std::span<const std::string_view> cells) {
  if (const std::size_t mark = text.find_first_of(":="); mark != std::string_view::npos) {
    std::string_view value = trim(text.substr(mark + 1));
    while (value.starts_with(delimiter_))  // "OutputRate:,60Hz"
      value = trim(value.substr(1));
    notes_[squeezed(text.substr(0, mark))] = without_quotes(value);
  } else if (cells.size() >= 2) {
    notes_[squeezed(cells[0])] = std::string(cells[1]);
  }
}

void TextTable::read_preamble(std::span<const Line> lines, const HeaderWords& words) {
  std::vector<HeaderLine> candidates;
  std::vector<std::string_view> cells;
  for (const Line& line : lines) {
    if (line.number >= first_line_) break;
    const std::optional<std::string_view> comment = comment_of(line.text);
    const std::string_view text = comment ? *comment : line.text;
    preamble_.push_back(without_quotes(trim(text)));
    split(text, cells);
    read_note(text, cells);
    while (!cells.empty() && cells.back().empty())
      cells.pop_back();
    candidates.push_back(
        {{cells.begin(), cells.end()}, line.number, std::ranges::count_if(cells, words.is_column)});
  }
  if (!candidates.empty()) take_header(std::move(candidates), words);
}

void TextTable::take_header(std::vector<HeaderLine> lines, const HeaderWords& words) {
  const auto best = std::ranges::max_element(lines, {}, [](const HeaderLine& one) {
    return std::pair(one.n_known, one.number);  // the later one of equal ones
  });
  if (best->n_known < 2) {  // names that nobody knows are better than none, for messages
    if (delimiter_ != ' ' && lines.back().cells.size() == n_columns_) header_ = lines.back().cells;
    return;
  }
  if (best->cells.size() > n_cells_ || best->cells.size() < n_columns_)
    fail("line " + std::to_string(first_line_) + " has " + std::to_string(n_cells_) +
         " cells, the header has " + std::to_string(best->cells.size()) + "; correct the table");
  header_ = best->cells;
  n_columns_ = std::max(n_columns_, header_.size());
  for (auto below = best + 1; below != lines.end(); ++below) {
    if (below->cells.size() < 2) continue;
    below->cells.resize(n_columns_);
    if (std::ranges::count_if(below->cells, words.is_unit) >= 2) {
      units_ = below->cells;
      continue;
    }
    for (std::size_t i = 0; i < n_columns_; ++i)
      if (!below->cells[i].empty()) header_[i] += " " + below->cells[i];
  }
}

void TextTable::for_each_row(const OnRow& on_row) const {
  std::vector<std::string_view> cells;
  for_each_line([&](const Line& line) {
    if (line.number < first_line_ || comment_of(line.text)) return true;
    split(line.text, cells);
    std::size_t filled = cells.size();
    while (filled > 0 && cells[filled - 1].empty())
      --filled;
    const bool fits =
        cells.size() == n_cells_ || filled == n_columns_ || cells.size() == n_columns_;
    if (fits) {
      on_row(cells, line.number);
    } else if (is_last_line(line.number) && cells.size() < n_cells_) {
      warn(name_ + ": the last line, " + std::to_string(line.number) +
           ", isn't finished; it is left out");
    } else {
      fail("line " + std::to_string(line.number) + " has " + std::to_string(cells.size()) +
           " cells, the first row has " + std::to_string(n_cells_) + "; correct the table");
    }
    return true;
  });
}

}  // namespace pandagpt
