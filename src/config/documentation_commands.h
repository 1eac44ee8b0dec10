// The commands `completion` and `man`, with which a program prints what completes its options in
// shells, and its manual pages. Both are made from the options that the program declares.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace pandagpt {

/// Writes text to standard output.
using WriteText = std::function<void(const std::string& text)>;

/// `completion SHELL` of the whole program. `app` must outlive its parsing.
void add_completion(CLI::App& app, const WriteText& write);

/// `man [COMMAND]`, and `man --share FOLDER`, which writes all pages and completions below it.
/// `version` stands in the pages' feet.
void add_man(CLI::App& app, const std::string& version, const WriteText& write);

}  // namespace pandagpt
