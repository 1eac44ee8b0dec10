// Options from a file: what the command line leaves open is taken from `--config FILE`, and what a
// run worked with is written in the same form.
//
//   CLI::App* llm = app.add_subcommand("llm");
//   declare(*llm);                  // ordinary options
//   add_config_option(*llm);        // --config
//   app.parse(argc, argv);
//   apply_config(*llm);
//
// config/environment.h is the same for environment variables.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace pandagpt {

/// Adds `--config FILE` to `app`.
void add_config_option(CLI::App& app);

/// Gives each option that the command line didn't the value that the file has for it, checked as on
/// the command line. The file is a JSON object or a YAML map (any name but *.json), its keys are
/// the options' long names ("batch-size", also "batch_size"), a list is an option's several values,
/// a flag takes true or false.
/// Does nothing without `--config`. Throws Error(kInput) if the file can't be read, Error(kUsage)
/// naming file and key for an unknown key (with the likeliest one that was meant) or a wrong value.
///
/// Options of `app` can't be required(): check them afterwards with require_option().
void apply_config(CLI::App& app);

/// Throws Error(kUsage) if neither the command line nor the file gave the option.
void require_option(const CLI::App& app, const std::string& name);

/// The value of every option that has one, given or default, by its first long name: content for
/// `--config`. Those in `without`, `--config` and `--help` are left out.
nlohmann::json effective_config(const CLI::App& app, const std::set<std::string>& without);

}  // namespace pandagpt
