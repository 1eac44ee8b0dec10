// pandagpt serve: an OpenAI-compatible server and a web page.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "core/user_folders.h"
#include "server/api_server.h"

namespace pandagpt {
namespace {

constexpr const char* kFilesFolder = "files";
constexpr const char* kServerGroup = "Server";
constexpr const char* kLimitGroup = "Limits";
constexpr const char* kAccessGroup = "Access";
constexpr int kInterrupted = 130;

struct ServeArguments {
  ModelArguments model;
  ServerOptions options;
  std::string files_folder;
  std::uint64_t max_body_mb = 64;
  std::uint64_t max_file_mb = 512;
  std::uint64_t max_files_mb = 4096;
  double max_megapixels = 50;
  bool no_files = false;
};

ServerOptions server_options(const ServeArguments& arguments) {
  ServerOptions options = arguments.options;
  options.model = arguments.model.model;
  options.panda = arguments.model.completed_options();
  options.web.max_body_bytes = arguments.max_body_mb << 20;
  options.limits.max_media_bytes = options.web.max_body_bytes;
  options.limits.inputs.max_pixels = static_cast<std::uint64_t>(arguments.max_megapixels * 1e6);
  options.files.max_file_bytes = arguments.max_file_mb << 20;
  options.files.max_total_bytes = arguments.max_files_mb << 20;
  if (arguments.no_files) return options;
  options.files.folder = arguments.files_folder;
  const std::filesystem::path cache = user_cache_folder();
  if (options.files.folder.empty() && !cache.empty()) options.files.folder = cache / kFilesFolder;
  return options;
}

/// SIGTERM and SIGINT as bytes of a pipe, which a thread may wait for. (To block them and wait for
/// the signals themselves, all threads would have to block them, also those that libraries have
/// started before main.)
class StopSignals {
 public:
  StopSignals() {
    if (pipe2(pipe_, O_CLOEXEC) != 0) throw Error(ErrorKind::kInternal, "no pipe can be opened");
    for (const int signal : {SIGTERM, SIGINT})
      std::signal(signal, [](int) {
        const char byte = 0;
        [[maybe_unused]] const ssize_t n = write(pipe_[1], &byte, 1);
      });
  }

  static void wait() {
    char byte = 0;
    while (read(pipe_[0], &byte, 1) < 0 && errno == EINTR) {
    }
  }

 private:
  static inline int pipe_[2] = {-1, -1};
};

void run_serve(const ServeArguments& arguments) {
  const StopSignals signals;
  const ServerOptions options = server_options(arguments);
  ApiServer server(options);
  const int port = server.bind();
  if (options.api_keys.empty() && options.host != "127.0.0.1" && options.host != "localhost")
    spdlog::warn("whoever reaches {}:{} may use this server: there is no --api-key", options.host,
                 port);
  const bool is_v6 = options.host.find(':') != std::string::npos;
  write_output("http://" + (is_v6 ? "[" + options.host + "]" : options.host) + ":" +
               std::to_string(port) + "\n");
  std::thread serving([&server] { server.serve(); });
  std::atomic<bool> is_loaded = false;
  std::thread stopping([&] {
    StopSignals::wait();
    if (!is_loaded) std::quick_exit(EXIT_SUCCESS);  // loading can't be interrupted
    std::thread([] {
      StopSignals::wait();
      std::quick_exit(kInterrupted);
    }).detach();
    server.stop();
  });
  try {
    server.load();
  } catch (...) {
    server.stop();
    serving.join();
    stopping.detach();
    throw;
  }
  is_loaded = true;
  std::fprintf(stderr, "pandagpt: %s is ready; Ctrl-C ends it\n", options.model.c_str());
  serving.join();
  stopping.join();
}

void add_server_options(CLI::App& command, ServeArguments& arguments) {
  ServerOptions& options = arguments.options;
  const auto add = [&](const char* name, auto& field, const char* help, const char* variable) {
    return command.add_option(name, field, help)
        ->capture_default_str()
        ->envname(variable)
        ->group(kServerGroup);
  };
  add("--host", options.host, "address to listen at; 0.0.0.0: all of this machine",
      "PANDAGPT_HOST");
  add("--port", options.port, "port to listen at; 0: any free one", "PANDAGPT_PORT")
      ->check(CLI::Range(0, 65535));
  add("--alias", options.alias, "the model's name for clients (default: its own)",
      "PANDAGPT_ALIAS");
  add("--parallel,--np", options.n_slots, "answers computed at once", "PANDAGPT_PARALLEL")
      ->check(CLI::Range(1, 256));
  add("--queue", options.max_waiting, "answers that wait beyond those; more get 503",
      "PANDAGPT_QUEUE")
      ->check(CLI::Range(0, 100'000));
  add("--encoder-jobs", options.n_encoder_jobs, "requests whose inputs are decoded at once",
      "PANDAGPT_ENCODER_JOBS")
      ->check(CLI::Range(1, 64));
  add("--ping", options.ping_seconds, "seconds between signs of life in a streamed answer",
      "PANDAGPT_PING")
      ->check(CLI::Range(1, 3600));
  add("--stop-time", options.stop_seconds, "seconds that running answers get when the server ends",
      "PANDAGPT_STOP_TIME")
      ->check(CLI::Range(0, 3600));
  add("--files-dir", arguments.files_folder,
      "where uploads are kept (default: ~/.cache/pandagpt/files); several servers may share one",
      "PANDAGPT_FILES_DIR");
  command.add_flag("--no-files", arguments.no_files, "no uploads")->group(kServerGroup);
  command.add_flag("!--no-metrics", options.has_metrics, "no /metrics")->group(kServerGroup);
  command.add_flag("!--no-slots", options.has_slots, "no /slots")->group(kServerGroup);
  command
      .add_flag("--unified-cache", options.unified_cache,
                "all chats share one cache of positions (see docs/serving.md)")
      ->group(kServerGroup);
}

void add_access_options(CLI::App& command, ServerOptions& options) {
  command
      .add_option("--api-key", options.api_keys,
                  "KEY,..: clients must send one of them (better: $PANDAGPT_API_KEY, which other "
                  "users can't see)")
      ->delimiter(',')
      ->envname("PANDAGPT_API_KEY")
      ->group(kAccessGroup);
  command
      .add_option("--cors-origins", options.cors_origins,
                  "ORIGIN,..: web pages of these may ask ('*': all; without it: none)")
      ->delimiter(',')
      ->envname("PANDAGPT_CORS_ORIGINS")
      ->group(kAccessGroup);
  command
      .add_flag("--allow-urls", options.allow_urls,
                "fetch http(s) addresses in requests, public ones only")
      ->group(kAccessGroup);
}

void add_limit_options(CLI::App& command, ServeArguments& arguments) {
  ServerOptions& options = arguments.options;
  const auto add = [&](const char* name, auto& field, const char* help, double least, double most) {
    command.add_option(name, field, help)
        ->capture_default_str()
        ->check(CLI::Range(least, most))
        ->group(kLimitGroup);
  };
  add("--max-body", arguments.max_body_mb, "MiB of a request", 1, 4096);
  add("--max-file", arguments.max_file_mb, "MiB of an upload", 1, 1 << 20);
  add("--max-files", arguments.max_files_mb, "MiB of all uploads; the least used ones go", 1,
      1 << 30);
  add("--file-life", options.files.seconds_to_live, "seconds that an unused upload is kept", 1,
      1e9);
  add("--max-inputs", options.limits.max_parts, "pictures, sounds, .. of one request", 0, 1024);
  add("--max-megapixels", arguments.max_megapixels, "of a picture or a frame", 0.001, 1000);
  add("--max-seconds", options.limits.inputs.max_seconds, "length of a sound or video", 1, 1e6);
  add("--max-decode-seconds", options.limits.inputs.max_decode_seconds,
      "time that reading one input may take", 0.01, 1e6);
  add("--max-answer-tokens", options.limits.max_tokens, "length of an answer", 1, 1 << 20);
  add("--max-choices", options.limits.max_choices, "answers of one request ('n')", 1, 256);
  add("--max-connections", options.web.max_connections, "open at once; more get 503", 1, 900);
}

}  // namespace

void add_serve(CLI::App& app) {
  const auto arguments = std::make_shared<ServeArguments>();
  CLI::App* command =
      app.add_subcommand("serve", "An OpenAI-compatible server and a web page (docs/serving.md)");
  arguments->model.add_to(*command);
  add_server_options(*command, *arguments);
  add_access_options(*command, arguments->options);
  add_limit_options(*command, *arguments);
  command->set_config("--config", "", "read options from this file: lines of 'port = 8080'")
      ->envname("PANDAGPT_CONFIG");
  command->footer(
      "Examples:\n"
      "  pandagpt serve                          then open http://127.0.0.1:8080\n"
      "  PANDAGPT_API_KEY=secret pandagpt serve --host 0.0.0.0 --parallel 16");
  command->callback([arguments] { run_serve(*arguments); });
}

}  // namespace pandagpt
