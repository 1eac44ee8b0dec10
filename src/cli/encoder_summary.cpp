#include "cli/encoder_summary.h"

#include <algorithm>
#include <map>
#include <utility>

#include "encoders/encoder_keys.h"
#include "encoders/tower_kind.h"
#include "encoders/tower_registry.h"

namespace pandagpt {
namespace {

TowerSummary summarize(const GgufFile& file, TowerKind tower) {
  TowerSummary summary;
  summary.tower = tower_name(tower);
  summary.architecture = tower_architecture(file, tower);
  const TowerArchitecture* known = find_architecture(summary.architecture);
  if (known != nullptr && known->sizes != nullptr) summary.sizes = known->sizes(file, tower);
  std::map<std::string, std::uint64_t> bytes_of_type;
  for (const GgufTensor& tensor : file.tensors()) {
    if (!tensor.name.starts_with(summary.tower + ".")) continue;
    summary.parameters += tensor.n_elements();
    summary.bytes += tensor.data.size();
    bytes_of_type[ggml_type_name(tensor.type)] += tensor.data.size();
  }
  std::vector<std::pair<std::uint64_t, std::string>> types;
  for (const auto& [type, bytes] : bytes_of_type)
    types.emplace_back(bytes, type);
  std::sort(types.rbegin(), types.rend());
  for (const auto& [bytes, type] : types)
    summary.types += (summary.types.empty() ? "" : ", ") + type;
  return summary;
}

}  // namespace

std::vector<TowerSummary> summarize_towers(const GgufFile& file) {
  namespace keys = encoder_keys;
  std::vector<TowerSummary> summaries;
  if (!file.has(keys::kArchitecture) ||
      file.get_str(keys::kArchitecture) != keys::kEncodersArchitecture)
    return summaries;
  for (const TowerKind tower : kTowerKinds)
    if (has_tower(file, tower)) summaries.push_back(summarize(file, tower));
  return summaries;
}

}  // namespace pandagpt
