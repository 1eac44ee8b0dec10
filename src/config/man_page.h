// Manual pages (troff) of a program and its commands.
#pragma once

#include <string>

#include "config/command_tree.h"

namespace pandagpt {

/// The page's name: "pandagpt", "pandagpt-models-pull".
std::string man_page_name(const CommandInfo& program, const CommandInfo& command);

/// `command`: `program` itself or one below it. `version` stands in the page's foot.
std::string man_page(const CommandInfo& program, const CommandInfo& command,
                     const std::string& version);

}  // namespace pandagpt
