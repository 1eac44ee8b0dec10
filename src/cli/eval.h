// The subcommand `pandagpt eval`.
#pragma once

#include <CLI/CLI.hpp>

namespace pandagpt {

/// Adds `eval caption` and `eval imagenet`. They run as callbacks of the parse and throw Error.
void add_eval(CLI::App& app);

}  // namespace pandagpt
