#include "config/option_values.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pandagpt {
namespace {

/// Insertions, deletions and changes of a character that make `b` out of `a` (Levenshtein).
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

void set_option(CLI::Option& option, const std::string& name, const OptionValues& values) {
  const bool is_flag = option.get_items_expected_max() == 0;
  for (const std::string& value : values)
    option.add_result(is_flag ? option.get_flag_value(name, value) : value);
  if (!values.empty()) option.run_callback();
}

std::string suggested_option(const CLI::App& app, const std::string& name) {
  std::string best;
  std::size_t least = 1 + std::max<std::size_t>(2, name.size() / 3);  // else nothing like it
  for (const CLI::Option* option : app.get_options())
    for (const std::string& known : option->get_lnames())
      if (const std::size_t distance = edit_distance(name, known); distance < least) {
        least = distance;
        best = known;
      }
  return best.empty() ? "" : "; did you mean '" + best + "'?";
}

}  // namespace pandagpt
