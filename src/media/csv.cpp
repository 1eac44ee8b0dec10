#include "media/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "core/ascii.h"
#include "core/text_file.h"
#include "core/utf8.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kBlank = " \t";

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

char find_delimiter(std::string_view line) {
  for (const char delimiter : {';', '\t', ','})
    if (line.find(delimiter) != std::string_view::npos) return delimiter;
  return ' ';
}

std::vector<std::string> split_cells(std::string_view line, char delimiter) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c != delimiter || quoted) {
      cells.back() += c;
    } else if (delimiter != ' ' || !cells.back().empty()) {  // a run of spaces is one delimiter
      cells.emplace_back();
    }
  }
  for (std::string& cell : cells)
    cell = std::string(trim(cell));
  return cells;
}

/// NaN for an empty cell, std::nullopt for text.
std::optional<double> read_number(std::string cell, char delimiter) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  if (cell.empty()) return kMissing;
  const std::string word = ascii_lower(cell);
  if (word == "na" || word == "null" || word == "none") return kMissing;
  if (delimiter == ';') std::ranges::replace(cell, ',', '.');
  const char* begin = cell.data() + (cell[0] == '+' ? 1 : 0);
  const char* end = cell.data() + cell.size();
  double value = 0;
  const auto [stop, code] = std::from_chars(begin, end, value);
  if (stop != end) return std::nullopt;
  if (code == std::errc::result_out_of_range) return kMissing;
  return code == std::errc() ? std::optional(value) : std::nullopt;
}

// --- Lines -------------------------------------------------------------------------------------

class CsvParser {
 public:
  explicit CsvParser(const std::string& name) : name_(name) {}

  void add_line(std::string_view raw) {
    ++line_;
    const std::string_view line = trim(raw);
    if (line.empty()) return;
    for (const std::string_view mark : {"#", "%", "//"})
      if (line.starts_with(mark)) return add_note(line.substr(mark.size()));
    if (table_.n_columns == 0) return add_first(line);
    const std::vector<std::string> cells = split_cells(line, delimiter_);
    if (cells.size() != table_.n_columns)
      fail(name_, where() + " has " + std::to_string(cells.size()) + " cells, the first line has " +
                      std::to_string(table_.n_columns) + "; correct the table");
    add_row(cells);
  }

  CsvTable finish() {
    if (table_.values.empty()) fail(name_, "the table has no rows of numbers; give a recording");
    return std::move(table_);
  }

 private:
  std::string where() const { return "line " + std::to_string(line_); }

  void add_note(std::string_view text) {
    const std::size_t mark = text.find_first_of(":=");
    if (mark == std::string_view::npos) return;
    table_.notes[ascii_lower(trim(text.substr(0, mark)))] =
        std::string(trim(text.substr(mark + 1)));
  }

  void add_first(std::string_view line) {
    delimiter_ = find_delimiter(line);
    std::vector<std::string> cells = split_cells(line, delimiter_);
    table_.n_columns = cells.size();
    const bool numbers = std::ranges::all_of(
        cells, [&](const std::string& cell) { return read_number(cell, delimiter_).has_value(); });
    if (numbers) {
      add_row(cells);
    } else {
      table_.header = std::move(cells);
    }
  }

  void add_row(const std::vector<std::string>& cells) {
    for (const std::string& cell : cells) {
      const std::optional<double> value = read_number(cell, delimiter_);
      if (!value)
        fail(name_, where() + ": \"" + cell.substr(0, 40) + "\" is no number; correct the table");
      table_.values.push_back(*value);
    }
  }

  const std::string& name_;
  CsvTable table_;
  char delimiter_ = ',';
  std::size_t line_ = 0;
};

void check_text(std::string_view text, const std::string& name) {
  constexpr std::size_t kLookedAt = 4096;
  std::string head(text.substr(0, kLookedAt));
  std::erase_if(head, [](char c) { return c == '\n' || c == '\t'; });
  const bool cut_inside_character = text.size() > kLookedAt;
  while (cut_inside_character && !head.empty() && (head.back() & 0x80) != 0)
    head.pop_back();
  if (!is_printable_utf8(head)) fail(name, "no text; give a table of numbers (CSV)");
}

}  // namespace

CsvTable decode_csv(ByteView bytes, const std::string& name) {
  const std::string content = text_of(bytes, name);
  std::string_view text = content;
  check_text(text, name);
  CsvParser parser(name);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    parser.add_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.finish();
}

}  // namespace pandagpt
