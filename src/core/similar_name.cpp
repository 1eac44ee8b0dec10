#include "core/similar_name.h"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace pandagpt {
namespace {

/// A shorter beginning is more likely another word than one that was not typed to its end.
constexpr std::size_t kShortestBeginning = 3;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  using Row = std::vector<std::size_t>;
  Row above_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    above_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], above_last[j - 2] + 1);
    }
  }
  return row.back();
}

std::string most_similar(std::string_view name, const std::vector<std::string>& known) {
  const std::string wanted = lower_case(name);
  const std::string* best = nullptr;
  // One of three bytes may be wrong; more is another word.
  std::size_t least = 1 + std::max<std::size_t>(wanted.size() > 2 ? 2 : 1, wanted.size() / 3);
  for (const std::string& one : known) {
    const std::size_t distance = edit_distance(wanted, lower_case(one));
    if (distance >= std::min(least, std::max(wanted.size(), one.size()))) continue;
    least = distance;
    best = &one;
  }
  if (best == nullptr && wanted.size() >= kShortestBeginning) {
    const auto begins = [&](const std::string& one) { return lower_case(one).starts_with(wanted); };
    const auto found = std::ranges::find_if(known, begins);
    if (found != known.end()) best = &*found;
  }
  return best == nullptr ? std::string() : *best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::string best = most_similar(name, known);
  return best.empty() ? "" : "; did you mean '" + best + "'?";
}

}  // namespace pandagpt
