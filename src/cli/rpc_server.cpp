// pandagpt rpc-server: this machine's device for the language model of another.
#include <spdlog/spdlog.h>

#include <memory>

#include "cli/commands.h"
#include "cli/output.h"
#include "llm/llama_log.h"
#include "llm/rpc.h"
#include "pandagpt/error.h"
#include "tensor/devices.h"

namespace pandagpt {
namespace {

struct RpcServerArguments {
  std::string host = "127.0.0.1";
  int port = 50052;  // llama.cpp's own
  std::string device = "auto";
  int n_threads = 0;
};

void run_rpc_server(const RpcServerArguments& arguments) {
  redirect_llama_log();
  ggml_backend_dev_t device = find_device(arguments.device);
  const std::string endpoint = arguments.host + ":" + std::to_string(arguments.port);
  if (arguments.host != "127.0.0.1" && arguments.host != "localhost")
    spdlog::warn("whoever reaches {} can use this program and its memory: trusted networks only",
                 endpoint);
  write_output(endpoint + "\n");
  serve_rpc(endpoint, device, arguments.n_threads);
}

}  // namespace

void add_rpc_server(CLI::App& app) {
  const auto arguments = std::make_shared<RpcServerArguments>();
  CLI::App* command = app.add_subcommand(
      "rpc-server", "Lend this machine's device to the language model of another");
  command->add_option("--host", arguments->host, "address to listen at")->capture_default_str();
  command->add_option("--port", arguments->port, "port to listen at")
      ->capture_default_str()
      ->check(CLI::Range(1, 65535));
  command->add_option("--device", arguments->device, "auto (a GPU where there is one), cpu, ..")
      ->capture_default_str();
  command->add_option("-t,--threads", arguments->n_threads, "CPU threads; 0: one a physical core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  command->footer(
      "On the other machine: pandagpt ask --rpc HOST:PORT ..\n"
      "The protocol has neither encryption nor passwords: trusted networks only.");
  command->callback([arguments] { run_rpc_server(*arguments); });
}

}  // namespace pandagpt
