#include "config/arguments.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace pandagpt {
namespace {

constexpr const char* kHelpCommand = "help";
constexpr const char* kHelpOption = "--help";

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument.front() == '-';
}

/// The option of `command`, or of the program, that an argument such as "--seed" or "--seed=7"
/// names.
const CLI::Option* find_option(const CLI::App& app, const CLI::App& command,
                               const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  const CLI::Option* option = command.get_option_no_throw(name);
  return option != nullptr ? option : app.get_option_no_throw(name);
}

/// Whether the first `count` arguments are options of `command` with their values.
bool are_options(const CLI::App& app, const CLI::App& command,
                 const std::vector<std::string>& arguments, std::size_t count) {
  std::size_t at = 0;
  while (at < count) {
    if (!is_option(arguments[at])) return false;
    const CLI::Option* option = find_option(app, command, arguments[at]);
    if (option == nullptr) return false;
    const bool has_value = arguments[at].find('=') != std::string::npos;
    at += 1;
    if (!has_value) at += static_cast<std::size_t>(std::max(0, option->get_items_expected_min()));
  }
  return at == count;
}

void move_command_to_front(const CLI::App& app, std::vector<std::string>& arguments) {
  for (std::size_t i = 1; i < arguments.size() && arguments[i] != "--"; ++i) {
    const CLI::App* command = find_command(app, arguments[i]);
    if (command == nullptr || !are_options(app, *command, arguments, i)) continue;
    std::rotate(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(i),
                arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return;
  }
}

/// "-hf" and "-cnv", options of llama.cpp that nobody has here: CLI11 would take them as -h and -f,
/// and as -c with the value "nv". True for letters behind a flag that aren't all flags, and behind
/// an option that takes a number.
bool is_unknown_word(const CLI::App& app, const CLI::App& command, const std::string& argument) {
  const auto option_of = [&](char letter) {
    return find_option(app, command, std::string("-") + letter);
  };
  const auto is_flag = [&](char letter) {
    const CLI::Option* option = option_of(letter);
    return option != nullptr && option->get_items_expected_max() == 0;
  };
  const auto is_letter = [](unsigned char c) { return std::isalpha(c) != 0 || c == '-'; };
  const std::string letters = argument.substr(1, argument.find('=') - 1);
  const CLI::Option* first = option_of(letters.front());
  if (first == nullptr || !std::ranges::all_of(letters, is_letter)) return false;
  if (is_flag(letters.front())) return !std::ranges::all_of(letters, is_flag);
  const std::string type = first->get_type_name();
  return type.starts_with("INT") || type.starts_with("UINT") || type.starts_with("FLOAT");
}

void double_dashes(const CLI::App& app, std::vector<std::string>& arguments) {
  const CLI::App* command = arguments.empty() ? nullptr : find_command(app, arguments.front());
  if (command == nullptr) return;
  for (std::string& argument : arguments) {
    if (argument == "--") return;
    if (argument.size() < 3 || argument[0] != '-' || argument[1] == '-') continue;
    if (find_option(app, *command, "-" + argument) != nullptr ||
        is_unknown_word(app, *command, argument))
      argument.insert(0, 1, '-');
  }
}

}  // namespace

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->check_name(name)) return command;
  return nullptr;
}

std::vector<std::string> ordered_arguments(const CLI::App& app,
                                           std::vector<std::string> arguments) {
  if (!arguments.empty() && arguments.front() == kHelpCommand) {
    arguments.erase(arguments.begin());
    arguments.emplace_back(kHelpOption);
    return arguments;
  }
  move_command_to_front(app, arguments);
  double_dashes(app, arguments);
  return arguments;
}

void parse_arguments(CLI::App& app, std::vector<std::string> arguments) {
  arguments = ordered_arguments(app, std::move(arguments));
  std::ranges::reverse(arguments);  // as CLI11 takes them
  app.parse(std::move(arguments));
}

}  // namespace pandagpt
