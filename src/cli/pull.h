// pandagpt models pull, a subcommand of another file's command.
#pragma once

#include <CLI/CLI.hpp>

namespace pandagpt {

void add_pull(CLI::App& models);

}  // namespace pandagpt
