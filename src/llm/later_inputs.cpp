#include "pandagpt/later_inputs.h"

namespace pandagpt {

std::string to_string(LaterInputs later) {
  switch (later) {
    case LaterInputs::kReplace:
      return "replace";
    case LaterInputs::kKeep:
      return "keep";
  }
  return "unknown";
}

std::optional<LaterInputs> later_inputs_from_name(std::string_view name) {
  for (const LaterInputs later : kAllLaterInputs)
    if (name == to_string(later)) return later;
  return std::nullopt;
}

}  // namespace pandagpt
