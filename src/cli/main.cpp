// The program `pandagpt`. Answers go to standard output, everything else to standard error. Exit
// codes: 0 done, 2 wrong usage, 3 unreadable input, 4 bad model, 141 nobody reads the output any
// more (as SIGPIPE would have it), 1 anything else.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/openmp_spins.h"
#include "cli/output.h"
#include "cli/pull.h"
#include "cli/usage_hints.h"
#include "cli/version.h"
#include "config/arguments.h"
#include "config/documentation_commands.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

/// Names the whole command in its usage line ("pandagpt models verify"), which CLI11 leaves out.
class CommandFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string /*name*/) const override {
    std::string name;
    for (const CLI::App* part = app; part != nullptr; part = part->get_parent()) {
      name = part->get_name() + (name.empty() ? "" : " " + name);
    }
    return CLI::Formatter::make_usage(app, name);
  }
};

void set_up_log() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("pandagpt"));
  spdlog::set_pattern("%n: %^%l%$: %v");
  spdlog::set_level(spdlog::level::warn);
}

int report(ErrorKind kind, const std::string& message) {
  std::fprintf(stderr, "pandagpt: %s\n", message.c_str());
  return static_cast<int>(kind);
}

/// Commands that evaluate a model on this machine's processors.
constexpr std::array kComputingCommands = {"ask",  "bench", "chat",       "classify", "embed",
                                           "eval", "run",   "rpc-server", "search",   "serve"};

void declare(CLI::App& app) {
  app.formatter(std::make_shared<CommandFormatter>());  // before the subcommands, which inherit it
  app.require_subcommand(1);
  app.fallthrough();  // so that --verbose and --version may stand behind a subcommand
  app.set_version_flag("-V,--version", version_text, "versions of the program and its parts");
  const std::function<void(std::int64_t)> more = [](std::int64_t) {
    const bool quiet = spdlog::get_level() > spdlog::level::info;
    spdlog::set_level(quiet ? spdlog::level::info : spdlog::level::debug);
  };
  app.add_flag_function("-v,--verbose", more,
                        "say on standard error how long things take; twice: also what is done")
      ->trigger_on_parse();
  app.footer(
      "Answers are written to standard output, everything else to standard error.\n"
      "Exit codes: 0 done, 2 wrong usage, 3 unreadable input, 4 bad model, 141 nobody reads the\n"
      "output any more (as in `pandagpt models | head -1`), 1 anything else.");
  add_ask(app);
  add_chat(app);
  add_run(app);
  add_embed(app);
  add_classify(app);
  add_search(app);
  add_serve(app);
  add_models(app);
  add_list(app);
  add_pull(app);
  add_bench(app);
  add_convert(app);
  add_quantize(app);
  add_merge(app);
  add_inspect(app);
  add_facts(app);
  add_eval(app);
  add_rpc_server(app);
  add_completion(app, write_output);
  add_man(app, PANDAGPT_VERSION, write_output);
  for (const char* name : kComputingCommands)
    app.get_subcommand(name)->preparse_callback([](std::size_t) { limit_openmp_spins(); });
}

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, reported as such
  set_up_log();
  CLI::App app("PandaGPT: questions about pictures and other inputs, answered by a language model",
               "pandagpt");
  declare(app);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    parse_arguments(app, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::Success))
      return report(ErrorKind::kUsage, usage_fault(app, error, arguments));
    app.exit(error);  // prints help and versions
  }
  return 0;
}

}  // namespace
}  // namespace pandagpt

int main(int argc, char** argv) {
  using pandagpt::ErrorKind;
  try {
    return pandagpt::run(argc, argv);
  } catch (const pandagpt::OutputClosed&) {
    return pandagpt::kClosedOutputCode;  // as `| head -1` wants it: without a word
  } catch (const pandagpt::Error& error) {
    return pandagpt::report(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    return pandagpt::report(ErrorKind::kInternal, "out of memory");
  } catch (const std::exception& error) {
    return pandagpt::report(ErrorKind::kInternal, error.what());
  }
}
