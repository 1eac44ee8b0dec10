// The commands and options of a program as plain data, for man pages and the completions of shells.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace pandagpt {

struct OptionInfo {
  std::vector<std::string> names;    ///< with dashes; empty for a positional
  std::string positional;            ///< the name of a positional; empty for an option
  std::string group;                 ///< heading in the help
  std::string help;                  ///< with the default value
  std::string value;                 ///< what it takes ("FILE"); empty for a flag
  std::vector<std::string> choices;  ///< the values, if there are few
  bool takes_file = false;           ///< the value may be a file or a folder
  bool required = false;
  bool repeats = false;
};

struct CommandInfo {
  std::string path;  ///< "models pull"; empty for the program itself
  std::string name;
  std::string help;
  std::string footer;
  std::vector<OptionInfo> options;  ///< and positionals; hidden ones are left out
  std::vector<CommandInfo> commands;
};

CommandInfo command_tree(const CLI::App& app);

/// The command and all below it, in the order of the help.
std::vector<const CommandInfo*> all_commands(const CommandInfo& root);

}  // namespace pandagpt
