#include "llm/rpc.h"

#include "core/threads.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// By name: llama.cpp may have been built without them.
using AddServer = ggml_backend_reg_t (*)(const char* endpoint);
using StartServer = void (*)(const char* endpoint, const char* cache_folder, size_t n_threads,
                             size_t n_devices, ggml_backend_dev_t* devices);

template <typename Function>
Function rpc_function(const char* name) {
  ggml_backend_reg_t rpc = ggml_backend_reg_by_name("RPC");
  void* found = rpc == nullptr ? nullptr : ggml_backend_reg_get_proc_address(rpc, name);
  if (found == nullptr)
    throw Error(ErrorKind::kUsage,
                "this llama.cpp was built without its RPC backend; build it with -DGGML_RPC=ON "
                "(docs/devices.md)");
  return reinterpret_cast<Function>(found);
}

}  // namespace

bool has_rpc() {
  return ggml_backend_reg_by_name("RPC") != nullptr;
}

std::vector<ggml_backend_dev_t> rpc_devices(const std::string& server) {
  ggml_backend_reg_t found = rpc_function<AddServer>("ggml_backend_rpc_add_server")(server.c_str());
  const std::size_t count = found == nullptr ? 0 : ggml_backend_reg_dev_count(found);
  if (count == 0)
    throw Error(ErrorKind::kUsage, "no rpc-server answers at " + server +
                                       " (HOST:PORT); start 'pandagpt rpc-server' there");
  std::vector<ggml_backend_dev_t> devices;
  for (std::size_t i = 0; i < count; ++i)
    devices.push_back(ggml_backend_reg_dev_get(found, i));
  return devices;
}

void serve_rpc(const std::string& endpoint, ggml_backend_dev_t device, int n_threads) {
  const auto start = rpc_function<StartServer>("ggml_backend_rpc_start_server");
  const int threads = n_threads > 0 ? n_threads : default_thread_count();
  start(endpoint.c_str(), nullptr, static_cast<std::size_t>(threads), 1, &device);
  // It only comes back if it could not begin.
  throw Error(ErrorKind::kInternal, endpoint + ": can't be listened at (in use, or not this host)");
}

}  // namespace pandagpt
