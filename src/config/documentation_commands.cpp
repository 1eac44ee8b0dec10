#include "config/documentation_commands.h"

#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "config/command_tree.h"
#include "config/completion_script.h"
#include "config/man_page.h"
#include "core/file.h"
#include "core/similar_name.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

void write_text_file(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  write_file_atomically(file, [&](std::ostream& out) { out << text; });
}

/// Where shells look, below an installation's share/.
fs::path completion_path(const std::string& program, const std::string& shell) {
  if (shell == "bash") return fs::path("bash-completion") / "completions" / program;
  if (shell == "zsh") return fs::path("zsh") / "site-functions" / ("_" + program);
  return fs::path("fish") / "vendor_completions.d" / (program + ".fish");
}

void write_all(const CommandInfo& program, const std::string& version, const fs::path& folder) {
  for (const CommandInfo* command : all_commands(program))
    write_text_file(folder / "man" / "man1" / (man_page_name(program, *command) + ".1"),
                    man_page(program, *command, version));
  for (const std::string& shell : completion_shells())
    write_text_file(folder / completion_path(program.name, shell),
                    completion_script(program, shell));
}

std::string page_of(const CommandInfo& program, const std::string& name,
                    const std::string& version) {
  std::vector<std::string> names;
  for (const CommandInfo* command : all_commands(program)) {
    if (command->path == name) return man_page(program, *command, version);
    names.push_back(command->path);
  }
  throw Error(ErrorKind::kUsage, "there is no command '" + name + "'" + did_you_mean(name, names));
}

}  // namespace

void add_completion(CLI::App& app, const WriteText& write) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print what completes the commands and options in a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(completion_shells()));
  const std::string& name = app.get_name();
  command->footer("Installed with the program; without that:\n  eval \"$(" + name +
                  " completion bash)\"     in ~/.bashrc\n  eval \"$(" + name +
                  " completion zsh)\"      in ~/.zshrc, behind compinit\n  " + name +
                  " completion fish | source      in ~/.config/fish/config.fish");
  command->callback([&app, shell, write] { write(completion_script(command_tree(app), *shell)); });
}

void add_man(CLI::App& app, const std::string& version, const WriteText& write) {
  struct ManArguments {
    std::string command;
    std::string folder;
  };
  const auto arguments = std::make_shared<ManArguments>();
  CLI::App* command =
      app.add_subcommand("man", "Print a manual page: " + app.get_name() + " man | man -l -");
  command->add_option("command", arguments->command,
                      "a command (several words in quotes); none: the program");
  command
      ->add_option("--share", arguments->folder,
                   "write all pages and the completions into this folder, as below /usr/share")
      ->type_name("FOLDER");
  command->callback([&app, arguments, version, write] {
    const CommandInfo program = command_tree(app);
    if (arguments->folder.empty()) return write(page_of(program, arguments->command, version));
    write_all(program, version, arguments->folder);
  });
}

}  // namespace pandagpt
