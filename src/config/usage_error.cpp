#include "config/usage_error.h"

#include <algorithm>
#include <regex>
#include <vector>

#include "core/similar_name.h"

namespace pandagpt {
namespace {

/// The innermost command that was given: "pandagpt models pull".
const CLI::App* given_command(const CLI::App* app) {
  while (!app->get_subcommands().empty())
    app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App* command) {
  std::string name = command->get_name();
  while ((command = command->get_parent()) != nullptr)
    name = command->get_name() + " " + name;
  return name;
}

std::string see_help(const CLI::App* command) {
  return "; see '" + full_name(command) + " --help'";
}

/// Long names, without dashes.
std::vector<std::string> option_names(const CLI::App* command) {
  std::vector<std::string> names;
  for (; command != nullptr; command = command->get_parent())
    for (const CLI::Option* option : command->get_options())
      names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
  return names;
}

std::vector<std::string> command_names(const CLI::App* command) {
  std::vector<std::string> names;
  for (const CLI::App* one : command->get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(one->get_name());
  return names;
}

/// The positional that has its value already, if there is one.
const CLI::Option* filled_positional(const CLI::App* command) {
  for (const CLI::Option* option : command->get_options())
    if (option->get_positional() && option->count() > 0) return option;
  return nullptr;
}

std::string unknown_message(const CLI::App& app, const CLI::App* command) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  const auto is_option = [](const std::string& one) {
    return one.find_first_not_of('-') != 0 && one.find_first_not_of('-') != std::string::npos;
  };
  const auto option = std::ranges::find_if(unknown, is_option);
  if (option != unknown.end()) {
    const std::string name = option->substr(0, option->find('='));
    const std::string best =
        most_similar(name.substr(name.find_first_not_of('-')), option_names(command));
    return "unknown option '" + name + "'" +
           (best.empty() ? see_help(command) : "; did you mean '--" + best + "'?");
  }
  const std::string& first = unknown.front();
  const std::vector<std::string> commands = command_names(command);
  if (!commands.empty()) {
    const std::string hint = did_you_mean(first, commands);
    return "unknown command '" + first + "'" + (hint.empty() ? see_help(command) : hint);
  }
  if (const CLI::Option* filled = filled_positional(command))
    return "unexpected '" + first + "': " + filled->get_name(/*positional=*/true) + " is '" +
           filled->results().back() + "' already; put a text of several words in quotes";
  return "unexpected '" + first + "'" + see_help(command);
}

/// A value that a list of names doesn't have, as CLI11 words it.
std::string choice_message(const std::string& option, const std::string& value, std::string names) {
  names = std::regex_replace(names, std::regex("->[^,}]*"), "");  // "json->2"
  std::vector<std::string> known;
  for (const std::string& name : CLI::detail::split(names, ','))
    known.push_back(name);
  return option + ": '" + value + "' is none of " + CLI::detail::join(known, ", ") +
         did_you_mean(value, known);
}

std::string wanted_value(const CLI::App* command, const std::string& name) {
  const CLI::Option* option = nullptr;
  for (; command != nullptr && option == nullptr; command = command->get_parent())
    option = command->get_option_no_throw(name);
  const std::string type = option == nullptr ? "" : option->get_type_name();
  if (type.starts_with("UINT")) return "a whole number from 0 on";
  if (type.starts_with("INT")) return "a whole number";
  if (type.starts_with("FLOAT")) return "a number";
  return "what it takes (" + type + ")";
}

}  // namespace

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = given_command(&app);
  const std::string what = error.what();
  const auto is = [&](CLI::ExitCodes code) {
    return error.get_exit_code() == static_cast<int>(code);
  };
  if (is(CLI::ExitCodes::ExtrasError) && !app.remaining(true).empty())
    return unknown_message(app, command);
  // A word before the command that is missing: "pandagpt aks 'What is it?'".
  if (is(CLI::ExitCodes::RequiredError) && what.starts_with("A subcommand")) {
    const std::vector<std::string> unknown = app.remaining(true);
    if (!unknown.empty()) return unknown_message(app, command);
    return "a command is missing" + see_help(command);
  }
  std::smatch part;
  if (std::regex_match(what, part, std::regex("Could not convert: (.+?) = ([^]*)")))
    return part[1].str() + ": '" + part[2].str() + "' is not " + wanted_value(command, part[1]);
  if (std::regex_match(what, part, std::regex("(.+): \\d+ required (.+) missing")))
    return part[1].str() + " needs a value (" + part[2].str() + ")" + see_help(command);
  if (std::regex_match(what, part, std::regex("(.+): ([^]*) not in \\{(.*)\\}")))
    return choice_message(part[1], part[2], part[3]);
  if (std::regex_match(what, part,
                       std::regex("(.+): Check ([^]*) value in \\{(.*)\\} OR \\{.*\\} FAILED")))
    return choice_message(part[1], part[2], part[3]);
  if (std::regex_match(what, part, std::regex("(.+): Value ([^]*) not in range (.+) to (.+)")))
    return part[1].str() + ": '" + part[2].str() + "' is not between " + part[3].str() + " and " +
           part[4].str();
  if (std::regex_match(what, part, std::regex("(.+) excludes (.+)")))
    return part[1].str() + " and " + part[2].str() + " can't be given together";
  return what + see_help(command);
}

}  // namespace pandagpt
