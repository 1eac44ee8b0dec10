// What to type instead: for wrong command lines that other programs have taught.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace pandagpt {

/// usage_message() of a command line, with what was probably meant: commands of Ollama, llama.cpp
/// and Hugging Face, options without a command, a question without one, files without an option.
std::string usage_fault(const CLI::App& app, const CLI::ParseError& error,
                        const std::vector<std::string>& arguments);

/// The name of the option that takes files like this one ("--image"); empty if the ending of its
/// name doesn't tell, or there is no such file.
std::string option_of_file(const std::string& file);

}  // namespace pandagpt
