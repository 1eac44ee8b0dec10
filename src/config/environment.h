// Options from environment variables: what the command line leaves open is taken from PREFIX_NAME,
// before a configuration file is asked.
//
//   app.parse(argc, argv);
//   apply_environment(*serve, "PANDAGPT_");   // --max-body from PANDAGPT_MAX_BODY
//   apply_config(*serve);
#pragma once

#include <CLI/CLI.hpp>
#include <set>
#include <string>
#include <vector>

namespace pandagpt {

/// "PANDAGPT_MAX_BODY" for "max-body".
std::string variable_of(const std::string& prefix, const std::string& option);

/// Gives each option that the command line didn't the value of its variable, checked as on the
/// command line; flags take true or false. An empty variable counts as none. Throws Error(kUsage)
/// naming the variable for a wrong value.
void apply_environment(CLI::App& app, const std::string& prefix);

/// Variables with the prefix that neither an option nor anybody in `others` has, each with the
/// option that was perhaps meant: "PANDAGPT_API_KEYS; did you mean 'api-key'?".
std::vector<std::string> unknown_variables(const CLI::App& app, const std::string& prefix,
                                           const std::set<std::string>& others);

}  // namespace pandagpt
