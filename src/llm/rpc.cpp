#include "llm/rpc.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <memory>

#include "core/threads.h"
#include "pandagpt/error.h"
#include "tensor/cpu_kernels.h"

namespace pandagpt {
namespace {

constexpr int kConnectSeconds = 5;

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

struct AddressDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

bool connects(const addrinfo& address) {
  const int descriptor = socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const timeval limit{.tv_sec = kConnectSeconds, .tv_usec = 0};
  setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const bool connected = connect(descriptor, address.ai_addr, address.ai_addrlen) == 0;
  close(descriptor);
  return connected;
}

/// llama.cpp ends the process when nobody answers, so somebody must ask before.
void require_listener(const std::string& server) {
  const auto fail = [&](const std::string& why) {
    throw Error(ErrorKind::kUsage, server + ": " + why);
  };
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == server.size())
    fail("no HOST:PORT of an rpc-server");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status =
      getaddrinfo(server.substr(0, colon).c_str(), server.c_str() + colon + 1, &hints, &found);
  const std::unique_ptr<addrinfo, AddressDeleter> list(found);
  if (status != 0) fail(std::string("no such host: ") + gai_strerror(status));
  for (const addrinfo* address = list.get(); address != nullptr; address = address->ai_next)
    if (connects(*address)) return;
  fail("no rpc-server answers there; start 'pandagpt rpc-server' on that machine");
}

}  // namespace

bool has_rpc() {
  return ggml_backend_reg_by_name("RPC") != nullptr;
}

std::vector<ggml_backend_dev_t> rpc_devices(const std::string& server) {
  const auto add_server = rpc_function<AddServer>("ggml_backend_rpc_add_server");
  require_listener(server);
  ggml_backend_reg_t found = add_server(server.c_str());
  const std::size_t count = found == nullptr ? 0 : ggml_backend_reg_dev_count(found);
  if (count == 0)
    throw Error(ErrorKind::kUsage,
                server + ": no rpc-server of this llama.cpp's version answers there");
  std::vector<ggml_backend_dev_t> devices;
  for (std::size_t i = 0; i < count; ++i)
    devices.push_back(ggml_backend_reg_dev_get(found, i));
  return devices;
}

void serve_rpc(const std::string& endpoint, ggml_backend_dev_t device, int n_threads) {
  use_cpu_kernels();
  const auto start = rpc_function<StartServer>("ggml_backend_rpc_start_server");
  const int threads = n_threads > 0 ? n_threads : default_thread_count();
  start(endpoint.c_str(), nullptr, static_cast<std::size_t>(threads), 1, &device);
  // It only comes back if it could not begin.
  throw Error(ErrorKind::kInternal, endpoint + ": can't be listened at (in use, or not this host)");
}

}  // namespace pandagpt
