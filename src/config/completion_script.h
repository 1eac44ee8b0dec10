// Scripts that complete a program's commands, options and values in a shell.
#pragma once

#include <string>
#include <vector>

#include "config/command_tree.h"

namespace pandagpt {

/// "bash", "zsh", "fish".
const std::vector<std::string>& completion_shells();

/// For one of them. `program`: its root, as of command_tree().
std::string completion_script(const CommandInfo& program, const std::string& shell);

}  // namespace pandagpt
