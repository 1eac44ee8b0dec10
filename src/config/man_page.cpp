#include "config/man_page.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace pandagpt {
namespace {

/// Text for troff: its own signs mean nothing, and a hyphen stays one that can be copied.
std::string escaped(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

std::string upper_case(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// "\fB\-s\fR, \fB\-\-seed\fR \fIUINT\fR"
std::string option_title(const OptionInfo& option) {
  std::string title;
  for (const std::string& name : option.names)
    title += (title.empty() ? "" : ", ") + ("\\fB" + escaped(name) + "\\fR");
  if (option.names.empty()) title = "\\fI" + escaped(option.positional) + "\\fR";
  if (!option.names.empty() && !option.value.empty())
    title += " \\fI" + escaped(option.value) + "\\fR";
  return title;
}

std::string synopsis(const CommandInfo& program, const CommandInfo& command) {
  std::string line = "\\fB" + escaped(program.name);
  if (!command.path.empty()) line += " " + escaped(command.path);
  line += "\\fR [options]";
  for (const OptionInfo& option : command.options) {
    if (option.positional.empty()) continue;
    const std::string name = "\\fI" + escaped(option.positional) + "\\fR";
    line += " " + (option.required ? name : "[" + name + "]") + (option.repeats ? " ..." : "");
  }
  if (!command.commands.empty()) line += " \\fIcommand\\fR ...";
  return line + "\n";
}

std::string options_text(const CommandInfo& command) {
  std::vector<std::string> groups;
  for (const OptionInfo& option : command.options)
    if (std::ranges::find(groups, option.group) == groups.end()) groups.push_back(option.group);
  std::string text = groups.empty() ? "" : ".SH OPTIONS\n";
  for (const std::string& group : groups) {
    if (groups.size() > 1) text += ".SS \"" + escaped(group) + "\"\n";
    for (const OptionInfo& option : command.options)
      if (option.group == group)
        text += ".TP\n" + option_title(option) + "\n" +
                (option.help.empty() ? "" : escaped(option.help) + "\n");
  }
  return text;
}

}  // namespace

std::string man_page_name(const CommandInfo& program, const CommandInfo& command) {
  std::string name = program.name;
  if (!command.path.empty()) name += "-" + command.path;
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string man_page(const CommandInfo& program, const CommandInfo& command,
                     const std::string& version) {
  const std::string name = man_page_name(program, command);
  std::string page =
      fmt::format(".TH \"{}\" 1 \"\" \"{} {}\" \"User Commands\"\n", escaped(upper_case(name)),
                  escaped(program.name), escaped(version));
  page += ".SH NAME\n" + escaped(name) + " \\- " + escaped(command.help) + "\n";
  page += ".SH SYNOPSIS\n" + synopsis(program, command);
  if (!command.commands.empty()) {
    page += ".SH COMMANDS\n";
    for (const CommandInfo& one : command.commands)
      page += ".TP\n\\fB" + escaped(one.name) + "\\fR\n" + escaped(one.help) + "\n";
  }
  page += options_text(command);
  if (!command.footer.empty()) page += ".SH NOTES\n.nf\n" + escaped(command.footer) + "\n.fi\n";
  page += ".SH SEE ALSO\n";
  std::string others;
  for (const CommandInfo* one : all_commands(program)) {
    const bool is_near =
        command.path.empty() || one->path.empty() || one->path.starts_with(command.path + " ");
    if (one == &command || !is_near) continue;
    others +=
        (others.empty() ? "" : ",\n") + (".BR " + escaped(man_page_name(program, *one))) + " (1)";
  }
  page += others + "\n";
  return page;
}

}  // namespace pandagpt
