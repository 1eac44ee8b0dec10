// pandagpt completion and pandagpt man: completions for shells and manual pages, made from the
// options.
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

#include "cli/commands.h"
#include "cli/output.h"
#include "config/command_tree.h"
#include "config/completion_script.h"
#include "config/man_page.h"
#include "core/file.h"

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

void run_man(const CLI::App& app, const std::string& name, const std::string& folder) {
  const CommandInfo program = command_tree(app);
  if (!folder.empty()) {
    for (const CommandInfo* command : all_commands(program))
      write_text_file(fs::path(folder) / "man" / "man1" / (man_page_name(program, *command) + ".1"),
                      man_page(program, *command, PANDAGPT_VERSION));
    for (const std::string& shell : completion_shells())
      write_text_file(fs::path(folder) / completion_path(program.name, shell),
                      completion_script(program, shell));
    return;
  }
  for (const CommandInfo* command : all_commands(program))
    if (command->path == name) return write_output(man_page(program, *command, PANDAGPT_VERSION));
  throw Error(ErrorKind::kUsage, "there is no command '" + name + "'");
}

}  // namespace

void add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print what completes the commands and options in a shell");
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(completion_shells()));
  command->footer(
      "Installed with the program; without that:\n"
      "  eval \"$(pandagpt completion bash)\"              in ~/.bashrc\n"
      "  eval \"$(pandagpt completion zsh)\"               in ~/.zshrc, behind compinit\n"
      "  pandagpt completion fish | source               in ~/.config/fish/config.fish");
  command->callback([&app, shell] { write_output(completion_script(command_tree(app), *shell)); });
}

void add_man(CLI::App& app) {
  struct ManArguments {
    std::string command;
    std::string folder;
  };
  const auto arguments = std::make_shared<ManArguments>();
  CLI::App* command = app.add_subcommand("man", "Print a manual page: pandagpt man ask | man -l -");
  command->add_option("command", arguments->command,
                      "a command ('models pull' in quotes); none: the program");
  command
      ->add_option("--share", arguments->folder,
                   "write all pages and the completions into this folder, as below /usr/share")
      ->type_name("FOLDER");
  command->callback([&app, arguments] { run_man(app, arguments->command, arguments->folder); });
}

}  // namespace pandagpt
