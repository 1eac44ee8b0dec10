// The command line as people write it, put into the order that CLI11 takes.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace pandagpt {

/// The command of this name (or alias) directly below `app`; null if there is none.
const CLI::App* find_command(const CLI::App& app, const std::string& name);

/// The arguments behind the program's name, changed where their meaning is clear:
///   help models pull       models pull --help
///   --image f ask q        ask --image f q     options before the command are the command's
///   -ngl 99                --ngl 99            a long option with one dash, as llama.cpp has them
///   -hf                    --hf                which is then unknown, and not -h with -f
/// Nothing behind "--" is touched.
std::vector<std::string> ordered_arguments(const CLI::App& app, std::vector<std::string> arguments);

/// Parses them. Throws CLI::ParseError.
void parse_arguments(CLI::App& app, std::vector<std::string> arguments);

}  // namespace pandagpt
