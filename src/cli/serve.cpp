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
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "config/config_file.h"
#include "config/environment.h"
#include "core/text_file.h"
#include "core/user_folders.h"
#include "pipeline/model_backend.h"
#include "server/api_server.h"
#include "server/request_log.h"
#include "tensor/cpu_kernels.h"

namespace pandagpt {
namespace {

constexpr const char* kFilesFolder = "files";
constexpr const char* kServerGroup = "Server";
constexpr const char* kLimitGroup = "Limits";
constexpr const char* kAccessGroup = "Access";
constexpr const char* kLogGroup = "Log";
constexpr const char* kVariables = "PANDAGPT_";
constexpr const char* kModelsVariable =
    "PANDAGPT_MODELS";  // no option: where models are looked for
constexpr std::uint64_t kMaxKeyFileBytes = 1 << 20;
constexpr int kInterrupted = 130;

struct ServeArguments {
  ModelArguments model;
  ServerOptions options;
  std::string files_folder;
  std::string key_file;
  std::uint64_t max_body_mb = 64;
  std::uint64_t max_file_mb = 512;
  std::uint64_t max_files_mb = 4096;
  double max_megapixels = 50;
  bool no_files = false;
};

/// One key a line; empty lines and those that begin with '#' don't count.
void add_keys(const std::string& path, std::vector<std::string>& keys) {
  const std::size_t n_before = keys.size();
  for (std::string line : read_text_lines(path, kMaxKeyFileBytes)) {
    line.erase(line.find_last_not_of(" \t") + 1);
    if (!line.empty() && line.front() != '#') keys.push_back(line);
  }
  // An empty file must not open the server for everybody.
  if (keys.size() == n_before)
    throw Error(ErrorKind::kUsage, path + ": there is no key in it; write one a line");
}

ServerOptions server_options(const ServeArguments& arguments) {
  ServerOptions options = arguments.options;
  options.model = arguments.model.model;
  if (is_language_model_file(options.model))
    throw Error(ErrorKind::kUsage,
                options.model +
                    ": a server needs a model folder (see 'pandagpt models'), not a "
                    "language model alone");
  options.panda = arguments.model.completed_options();
  options.web.max_body_bytes = arguments.max_body_mb << 20;
  options.limits.max_media_bytes = options.web.max_body_bytes;
  options.limits.inputs.max_pixels = static_cast<std::uint64_t>(arguments.max_megapixels * 1e6);
  options.files.max_file_bytes = arguments.max_file_mb << 20;
  options.files.max_total_bytes = arguments.max_files_mb << 20;
  if (!arguments.key_file.empty()) add_keys(arguments.key_file, options.api_keys);
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

void say(LogFormat format, const std::string& message) {
  const std::string line =
      format == LogFormat::kJson ? json_log_line("info", message) : "pandagpt: " + message + "\n";
  std::fputs(line.c_str(), stderr);
}

void run_serve(CLI::App& command, const ServeArguments& arguments) {
  const StopSignals signals;
  apply_environment(command, kVariables);
  apply_config(command);
  if (arguments.options.log.format == LogFormat::kJson) log_messages_as_json();
  for (const std::string& variable : unknown_variables(
           command, kVariables, {kModelsVariable, kCpuKernelsVariable, kBlockProductsVariable}))
    spdlog::warn("no option has the variable {}", variable);
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
  say(options.log.format, options.model + " is ready; Ctrl-C ends it");
  serving.join();
  stopping.join();
}

void add_server_options(CLI::App& command, ServeArguments& arguments) {
  ServerOptions& options = arguments.options;
  const auto add = [&](const char* name, auto& field, const char* help) {
    return command.add_option(name, field, help)->capture_default_str()->group(kServerGroup);
  };
  add("--host", options.host, "address to listen at; 0.0.0.0: all of this machine");
  add("--port", options.port, "port to listen at; 0: any free one")->check(CLI::Range(0, 65535));
  add("--alias", options.alias, "the model's name for clients (default: its own)");
  add("--parallel,--np", options.n_slots, "answers computed at once")->check(CLI::Range(1, 256));
  add("--queue", options.max_waiting, "answers that wait beyond those; more get 503")
      ->check(CLI::Range(0, 100'000));
  add("--max-texts", options.limits.max_texts, "texts and inputs of one request for embeddings")
      ->check(CLI::Range(1, 1 << 20));
  add("--encoder-jobs", options.n_encoder_jobs, "requests whose inputs are decoded at once")
      ->check(CLI::Range(1, 64));
  add("--ping", options.ping_seconds, "seconds between signs of life in a streamed answer")
      ->check(CLI::Range(0.1, 3600.0));
  add("--stop-time", options.stop_seconds, "seconds that running answers get when the server ends")
      ->check(CLI::Range(0, 3600));
  add("--files-dir", arguments.files_folder,
      "where uploads are kept (default: ~/.cache/pandagpt/files); several servers may share one");
  command
      .add_flag("--any-model", options.any_model,
                "answer requests for models of other names, too (else 404)")
      ->group(kServerGroup);
  command.add_flag("--no-files", arguments.no_files, "no uploads")->group(kServerGroup);
  command.add_flag("!--no-metrics", options.has_metrics, "no /metrics")->group(kServerGroup);
  command.add_flag("!--no-slots", options.has_slots, "no /slots")->group(kServerGroup);
  command
      .add_flag("--unified-cache", options.unified_cache,
                "all chats share one cache of positions; beam search and prompt look-up need it "
                "(see docs/serving.md)")
      ->group(kServerGroup);
}

void add_access_options(CLI::App& command, ServerOptions& options, std::string& key_file) {
  command
      .add_option("--api-key", options.api_keys,
                  "KEY,..: clients must send one of them (other users see a command line: better "
                  "$PANDAGPT_API_KEY or --api-key-file)")
      ->delimiter(',')
      ->group(kAccessGroup);
  command.add_option("--api-key-file", key_file, "more keys, one a line")
      ->type_name("FILE")
      ->group(kAccessGroup);
  command
      .add_option("--cors-origins", options.cors_origins,
                  "ORIGIN,..: web pages of these may ask ('*': all; without it: none)")
      ->delimiter(',')
      ->group(kAccessGroup);
  command
      .add_flag("--allow-urls", options.allow_urls,
                "fetch http(s) addresses in requests, public ones only")
      ->group(kAccessGroup);
}

void add_log_options(CLI::App& command, LogOptions& log) {
  log.format = LogFormat::kText;
  const std::map<std::string, LogFormat> formats{
      {"none", LogFormat::kNone}, {"text", LogFormat::kText}, {"json", LogFormat::kJson}};
  command
      .add_option("--log-format", log.format, "a line for each request on standard error (text)")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("none|text|json")
      ->group(kLogGroup);
  command
      .add_flag("--log-content", log.with_content,
                "with prompts, answers and names of files; without it, none of them is logged")
      ->group(kLogGroup);
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
  add_later_inputs(*command, arguments->model.options);
  add_server_options(*command, *arguments);
  add_access_options(*command, arguments->options, arguments->key_file);
  add_log_options(*command, arguments->options.log);
  add_limit_options(*command, *arguments);
  add_config_option(*command);
  command->footer(
      "Every option may also be a variable, or a line of the --config file: --max-body 16 is\n"
      "PANDAGPT_MAX_BODY=16 and max-body: 16. The command line goes first, then the variables.\n\n"
      "Examples:\n"
      "  pandagpt serve                          then open http://127.0.0.1:8080\n"
      "  PANDAGPT_API_KEY=secret pandagpt serve --host 0.0.0.0 --parallel 16");
  command->callback([arguments, command] { run_serve(*command, *arguments); });
}

}  // namespace pandagpt
