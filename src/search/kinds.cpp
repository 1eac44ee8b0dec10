#include "search/kinds.h"

#include <algorithm>

namespace pandagpt {

Modality parse_kind(std::string_view name) {
  if (const auto kind = modality_from_name(name)) return *kind;
  std::string known;
  for (const Modality kind : kAllModalities)
    known += (known.empty() ? "" : ", ") + to_string(kind);
  throw Error(ErrorKind::kUsage, "unknown kind '" + std::string(name) + "'; there are " + known);
}

std::vector<Modality> parse_kinds(const std::string& list) {
  std::vector<Modality> kinds;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const Modality kind = parse_kind(std::string_view(list).substr(begin, end - begin));
    if (std::ranges::find(kinds, kind) == kinds.end()) kinds.push_back(kind);
    begin = end + 1;
  }
  return kinds;
}

}  // namespace pandagpt
