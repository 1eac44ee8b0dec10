// Facts as JSON, for the command line, the server and libpandagpt's callers alike.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "pandagpt/facts.h"

namespace pandagpt {

/// As to_json() of facts.h writes it. Numbers are rounded to the digits that mean something.
nlohmann::ordered_json facts_json(const std::vector<InputFacts>& facts);

}  // namespace pandagpt
