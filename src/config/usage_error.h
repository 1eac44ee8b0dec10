// What CLI11 says about a wrong command line, in words that name what is wrong and what to type.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace pandagpt {

/// One line without an end: "unknown option '--imgae'; did you mean '--image'?".
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace pandagpt
