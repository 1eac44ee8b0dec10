#include "config/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "config/option_values.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr const char* kHelp = "help";

std::string option_of(std::string variable) {
  for (char& c : variable)
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return variable;
}

}  // namespace

std::string variable_of(const std::string& prefix, const std::string& option) {
  std::string name = prefix;
  for (const char c : option)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

void apply_environment(CLI::App& app, const std::string& prefix) {
  for (CLI::Option* option : app.get_options()) {
    if (option->count() > 0) continue;  // the command line goes first
    for (const std::string& name : option->get_lnames()) {
      const std::string variable = variable_of(prefix, name);
      const char* value = std::getenv(variable.c_str());
      if (name == kHelp || value == nullptr || *value == '\0') continue;
      try {
        set_option(*option, name, {value});
      } catch (const CLI::Error& error) {
        throw Error(ErrorKind::kUsage, variable + ": " + error.what());
      }
      break;
    }
  }
}

std::vector<std::string> unknown_variables(const CLI::App& app, const std::string& prefix,
                                           const std::set<std::string>& others) {
  std::vector<std::string> unknown;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view whole = *entry;
    if (!whole.starts_with(prefix)) continue;
    const std::string variable(whole.substr(0, whole.find('=')));
    const std::string name = option_of(variable.substr(prefix.size()));
    if (!others.contains(variable) && app.get_option_no_throw("--" + name) == nullptr)
      unknown.push_back(variable + suggested_option(app, name));
  }
  std::ranges::sort(unknown);
  return unknown;
}

}  // namespace pandagpt
