#include "cli/usage_hints.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <utility>

#include "cli/typed_path.h"
#include "config/arguments.h"
#include "config/usage_error.h"
#include "media/media_kind.h"

namespace pandagpt {
namespace {

/// Commands of other programs, and what they are here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kForeignCommands{{
    {"show", "pandagpt inspect and pandagpt models show what a model is"},
    {"info", "pandagpt inspect and pandagpt models show what a model is"},
    {"ps", "pandagpt keeps no models loaded; pandagpt models lists them"},
    {"stop", "pandagpt keeps no models loaded"},
    {"rm", "delete the model's folder, which pandagpt models shows"},
    {"cp", "copy the model's folder, which pandagpt models shows"},
    {"create", "pandagpt convert makes model files"},
    {"download", "it is called pandagpt pull"},
    {"generate", "it is called pandagpt ask"},
    {"version", "it is called pandagpt --version"},
    {"server", "it is called pandagpt serve"},
    {"train", "training is a program of its own, pandagpt-train"},
}};

std::string quoted(const std::string& text) {
  return text.find(' ') == std::string::npos ? text : '"' + text + '"';
}

bool is_option_of(const CLI::App& app, const char* command, const std::string& argument) {
  const CLI::App* found = find_command(app, command);
  const std::string name = argument.substr(0, argument.find('='));
  return found != nullptr && argument.size() > 1 && argument.front() == '-' &&
         found->get_option_no_throw(name) != nullptr;
}

/// "pandagpt -m model.gguf -p Hi", as llama-cli takes it, and "pandagpt 'What is it?'".
std::string without_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const std::string& first = arguments.front();
  for (const std::string& argument : arguments)
    if (find_command(app, argument) != nullptr) return "";
  if (first.find(' ') == std::string::npos && !is_option_of(app, "ask", first)) return "";
  std::string line = "pandagpt ask";
  for (const std::string& argument : arguments)
    line += " " + quoted(argument);
  return "a command is missing; did you mean " + line + "?";
}

/// "--image" for what is called photo.jpg; empty for a name that tells no kind.
std::string option_of_name(const std::filesystem::path& name) {
  const auto modality = modality_of_extension(name);
  return modality ? "--" + to_string(*modality) : "";
}

/// Files that stand where no option takes them: "ask photo.jpg 'What is it?'". They are named
/// whether they are there or not.
std::string hint_of_files(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool is_value = i > 0 && arguments[i - 1].starts_with('-');
    const bool is_name = arguments[i].find(' ') == std::string::npos;
    const std::string option = is_value  ? ""
                               : is_name ? option_of_name(arguments[i])
                                         : option_of_file(arguments[i]);
    if (!option.empty())
      return "; a file has its option before it: " + option + " " + quoted(arguments[i]);
  }
  return "";
}

}  // namespace

std::string option_of_file(const std::string& file) {
  std::error_code ignored;
  const std::string path = expand_path(file);
  return std::filesystem::is_regular_file(path, ignored) ? option_of_name(path) : "";
}

std::string usage_fault(const CLI::App& app, const CLI::ParseError& error,
                        const std::vector<std::string>& arguments) {
  if (app.get_subcommands().empty() && !arguments.empty()) {
    const auto foreign = std::ranges::find(kForeignCommands, arguments.front(),
                                           &decltype(kForeignCommands)::value_type::first);
    if (foreign != kForeignCommands.end())
      return "unknown command '" + arguments.front() + "': " + std::string(foreign->second);
    if (const std::string fault = without_command(app, arguments); !fault.empty()) return fault;
  }
  const bool has_extras = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) &&
                          !app.get_subcommands().empty();
  const std::string hint = has_extras ? hint_of_files(arguments) : "";
  std::string fault = usage_message(app, error);
  return hint.empty() ? fault : fault.substr(0, fault.find(';')) + hint;
}

}  // namespace pandagpt
