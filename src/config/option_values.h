// What files and environment variables say, given to CLI11's options.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace pandagpt {

using OptionValues = std::vector<std::string>;

/// Gives `option` these values, checked as on the command line. `name` is the long name by which it
/// was found, without dashes: a flag such as --no-slots may stand for a field's false. Throws
/// CLI::Error.
void set_option(CLI::Option& option, const std::string& name, const OptionValues& values);

/// "; did you mean 'port'?" for an unknown name that is like an option's, else "".
std::string suggested_option(const CLI::App& app, const std::string& name);

}  // namespace pandagpt
