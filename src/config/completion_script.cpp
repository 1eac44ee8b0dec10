#include "config/completion_script.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace pandagpt {
namespace {

/// `text` as one word of a POSIX shell and zsh, in single quotes.
std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The same for fish, where a backslash counts inside single quotes.
std::string fish_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  return fmt::format("{}", fmt::join(words, std::string(between)));
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string function_of(const CommandInfo& program) {
  std::string name = "_" + program.name;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

/// The options that hold for a command: its own, and the program's, which may stand behind it.
std::vector<OptionInfo> options_of(const CommandInfo& program, const CommandInfo& command) {
  std::vector<OptionInfo> options = command.options;
  if (!command.path.empty())
    for (const OptionInfo& option : program.options) {
      const auto is_there = [&](const OptionInfo& one) { return one.names == option.names; };
      if (std::find_if(options.begin(), options.end(), is_there) == options.end())
        options.push_back(option);
    }
  return options;
}

/// Shell code (bash and zsh alike) that finds the command among the words: `words` is the
/// expression of word i.
std::string find_command(const CommandInfo& program, const std::string& word) {
  std::string code = fmt::format("    case \"$command {}\" in\n", word);
  for (const CommandInfo* command : all_commands(program)) {
    if (command->path.empty()) continue;
    const std::size_t space = command->path.rfind(' ');
    const std::string above = space == std::string::npos ? "" : command->path.substr(0, space);
    code += fmt::format("      {}) command={} ;;\n", shell_quoted(above + " " + command->name),
                        shell_quoted(command->path));
  }
  return code + "    esac\n";
}

// ---- bash ----

std::string bash_values(const CommandInfo& command, const OptionInfo& option) {
  std::vector<std::string> patterns;
  for (const std::string& name : option.names)
    patterns.push_back(shell_quoted(command.path + " " + name));
  std::string action = "return";  // a number or a text: nothing to offer
  if (!option.choices.empty())
    action = fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$current\"); return",
                         shell_quoted(joined(option.choices)));
  else if (option.takes_file)
    action = "mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return";
  return fmt::format("    {}) {} ;;\n", joined(patterns, "|"), action);
}

std::string bash_script(const CommandInfo& program) {
  std::string values, words;
  for (const CommandInfo* command : all_commands(program)) {
    std::vector<std::string> known;
    for (const CommandInfo& one : command->commands)
      known.push_back(one.name);
    for (const OptionInfo& option : options_of(program, *command)) {
      known.insert(known.end(), option.names.begin(), option.names.end());
      if (!option.value.empty() && !option.names.empty()) values += bash_values(*command, option);
    }
    words += fmt::format("    {}) known={} ;;\n", shell_quoted(command->path),
                         shell_quoted(joined(known)));
  }
  return fmt::format(
      "# bash completion of {0}: source it, or install it as\n"
      "# share/bash-completion/completions/{0}. Written by '{0} completion bash'.\n"
      "{1}() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local command='' known='' i\n"
      "  COMPREPLY=()\n"
      "  compopt -o filenames 2>/dev/null\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "{2}"
      "  done\n"
      "  case \"$command $previous\" in\n"
      "{3}"
      "  esac\n"
      "  case \"$command\" in\n"
      "{4}"
      "  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$known\" -- \"$current\")\n"
      "  if [[ $current != -* && -n $command ]]; then\n"
      "    mapfile -t -O ${{#COMPREPLY[@]}} COMPREPLY < <(compgen -f -- \"$current\")\n"
      "  fi\n"
      "}}\n"
      "complete -F {1} {0}\n",
      program.name, function_of(program), find_command(program, "${COMP_WORDS[i]}"), values, words);
}

// ---- zsh ----

/// "name:help" for _describe.
std::string zsh_entry(const std::string& name, const std::string& help) {
  std::string escaped;
  for (const char c : name)
    escaped += c == ':' ? std::string("\\:") : std::string(1, c);
  return shell_quoted(escaped + ":" + first_line(help));
}

std::string zsh_script(const CommandInfo& program) {
  std::string values, words;
  for (const CommandInfo* command : all_commands(program)) {
    std::string commands, options;
    for (const CommandInfo& one : command->commands)
      commands += " " + zsh_entry(one.name, one.help);
    for (const OptionInfo& option : options_of(program, *command)) {
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        options += "\n        " + zsh_entry(name, option.help);
        patterns.push_back(shell_quoted(command->path + " " + name));
      }
      if (option.value.empty() || option.names.empty()) continue;
      std::string action = fmt::format("_message {}; return", shell_quoted(option.value));
      if (!option.choices.empty()) {
        action = fmt::format("compadd -- {}; return", joined(option.choices));
      } else if (option.takes_file) {
        action = "_files; return";
      }
      values += fmt::format("    {}) {} ;;\n", joined(patterns, "|"), action);
    }
    words += fmt::format("    {})\n      commands=({})\n      options=({})\n      ;;\n",
                         shell_quoted(command->path), commands, options);
  }
  return fmt::format(
      "#compdef {0}\n"
      "# zsh completion: install it as _{0} in a folder of $fpath. Written by '{0} completion "
      "zsh'.\n"
      "{1}() {{\n"
      "  local command='' i\n"
      "  local -a commands options\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "{2}"
      "  done\n"
      "  case \"$command $words[CURRENT-1]\" in\n"
      "{3}"
      "  esac\n"
      "  case \"$command\" in\n"
      "{4}"
      "  esac\n"
      "  if [[ $PREFIX == -* ]]; then\n"
      "    _describe -o option options\n"
      "  elif (( $#commands )); then\n"
      "    _describe command commands\n"
      "  else\n"
      "    _files\n"
      "  fi\n"
      "}}\n"
      "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then {1} \"$@\"; else compdef {1} {0}; fi\n",
      program.name, function_of(program), find_command(program, "$words[i]"), values, words);
}

// ---- fish ----

std::string fish_option(const CommandInfo& program, const CommandInfo& command,
                        const OptionInfo& option) {
  std::string line =
      fmt::format("complete -c {} -n {}", program.name,
                  fish_quoted(fmt::format("_{}_in \"{}\"", function_of(program), command.path)));
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!option.choices.empty()) {
    line += " -x -a " + fish_quoted(joined(option.choices));
  } else if (option.takes_file) {
    line += " -r -F";
  } else if (!option.value.empty()) {
    line += " -x";
  }
  return line + " -d " + fish_quoted(first_line(option.help)) + "\n";
}

std::string fish_script(const CommandInfo& program) {
  std::string code = fmt::format(
      "# fish completion: install it as share/fish/vendor_completions.d/{0}.fish. Written by\n"
      "# '{0} completion fish'.\n"
      "function _{1}_in\n"
      "  set -l command ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch \"$command $word\"\n",
      program.name, function_of(program));
  for (const CommandInfo* command : all_commands(program)) {
    if (command->path.empty()) continue;
    const std::size_t space = command->path.rfind(' ');
    const std::string above = space == std::string::npos ? "" : command->path.substr(0, space);
    code += fmt::format("      case {}\n        set command {}\n",
                        fish_quoted(above + " " + command->name), fish_quoted(command->path));
  }
  code +=
      "    end\n"
      "  end\n"
      "  test \"$command\" = \"$argv[1]\"\n"
      "end\n";
  for (const CommandInfo* command : all_commands(program)) {
    for (const CommandInfo& one : command->commands)
      code += fmt::format(
          "complete -c {} -f -n {} -a {} -d {}\n", program.name,
          fish_quoted(fmt::format("_{}_in \"{}\"", function_of(program), command->path)), one.name,
          fish_quoted(first_line(one.help)));
    for (const OptionInfo& option : options_of(program, *command))
      if (!option.names.empty()) code += fish_option(program, *command, option);
  }
  return code;
}

}  // namespace

const std::vector<std::string>& completion_shells() {
  static const std::vector<std::string> shells{"bash", "zsh", "fish"};
  return shells;
}

std::string completion_script(const CommandInfo& program, const std::string& shell) {
  if (shell == "bash") return bash_script(program);
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  throw std::invalid_argument("no completion for the shell " + shell);
}

}  // namespace pandagpt
