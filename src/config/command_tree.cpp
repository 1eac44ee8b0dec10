#include "config/command_tree.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace pandagpt {
namespace {

/// Types whose values are no files.
constexpr std::array<std::string_view, 4> kNumbers{"INT", "UINT", "FLOAT", "BOOLEAN"};

/// "none|text|json", or CLI11's "TEXT:{step,tokens,hours}" and "TEXT:value in {f32->0,f16->1} ..".
std::vector<std::string> choices_of(const std::string& type) {
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}');
  if (begin != std::string::npos && end != std::string::npos && begin < end) {
    std::vector<std::string> names =
        CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
    for (std::string& name : names)
      name.resize(std::min(name.find("->"), name.size()));
    return names;
  }
  if (type.find('|') != std::string::npos) return CLI::detail::split(type, '|');
  return {};
}

OptionInfo option_info(const CLI::Option& option) {
  OptionInfo info;
  for (const std::string& name : option.get_snames())
    info.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames())
    info.names.push_back("--" + name);
  // What is both goes by its option: the positional is in the synopsis all the same.
  info.positional = option.get_positional() ? option.get_name(/*positional=*/true) : "";
  info.group = option.get_group();
  info.help = option.get_description();
  if (!option.get_default_str().empty())
    info.help += " (default: " + option.get_default_str() + ")";
  if (option.get_items_expected_max() > 0) {
    const std::string type = option.get_type_name();
    info.choices = choices_of(type);
    info.value = info.choices.empty() ? type.substr(0, type.find(':'))
                                      : CLI::detail::join(info.choices, "|");
    if (info.value.empty()) info.value = "VALUE";
    info.takes_file = info.choices.empty() &&
                      std::ranges::find(kNumbers, std::string_view(info.value)) == kNumbers.end();
  }
  info.required = option.get_required();
  info.repeats = option.get_items_expected_max() > 1;
  return info;
}

CommandInfo command_info(const CLI::App& app, const std::string& path) {
  CommandInfo info;
  info.path = path;
  info.name = app.get_name();
  info.help = app.get_description();
  info.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty()) info.options.push_back(option_info(*option));
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!one->get_group().empty())
      info.commands.push_back(
          command_info(*one, path.empty() ? one->get_name() : path + " " + one->get_name()));
  return info;
}

void collect(const CommandInfo& command, std::vector<const CommandInfo*>& all) {
  all.push_back(&command);
  for (const CommandInfo& one : command.commands)
    collect(one, all);
}

}  // namespace

CommandInfo command_tree(const CLI::App& app) {
  return command_info(app, "");
}

std::vector<const CommandInfo*> all_commands(const CommandInfo& root) {
  std::vector<const CommandInfo*> all;
  collect(root, all);
  return all;
}

}  // namespace pandagpt
