// Kinds of files by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pandagpt/panda.h"

namespace pandagpt {

/// modality_from_name, but Error(kUsage) for a name that no kind has.
Modality parse_kind(std::string_view name);
/// "image,audio"; no kind twice.
std::vector<Modality> parse_kinds(const std::string& list);

}  // namespace pandagpt
