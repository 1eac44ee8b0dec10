// The subcommand `pandagpt eval`.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "pandagpt/panda.h"

namespace pandagpt {

/// Adds `eval all`, `eval caption` and `eval imagenet`. They run as callbacks of the parse and
/// throw Error.
void add_eval(CLI::App& app);
/// Adds `all` to `eval`.
void add_eval_all(CLI::App& eval);

/// --parallel: PandaOptions::n_parallel, kAnswersAtOnce unless given.
void add_answers_at_once(CLI::App& command, PandaOptions& options);

/// Writes a report's file, whole or not at all, and says so.
void write_report(const std::filesystem::path& path, const std::string& text);

}  // namespace pandagpt
