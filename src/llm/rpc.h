// llama.cpp's RPC backend: layers of the language model on other machines.
#pragma once

#include <ggml-backend.h>

#include <string>
#include <vector>

namespace pandagpt {

/// Whether the llama.cpp in use was built with it (-DGGML_RPC=ON).
bool has_rpc();

/// Devices of the server at "HOST:PORT". Throws Error(kUsage): no such server answers, or a
/// llama.cpp without RPC.
std::vector<ggml_backend_dev_t> rpc_devices(const std::string& server);

/// Serves `device` at "HOST:PORT" until the process ends. The protocol has neither encryption nor
/// passwords. Throws Error(kUsage) without RPC, Error(kInternal) if the port can't be had.
void serve_rpc(const std::string& endpoint, ggml_backend_dev_t device, int n_threads);

}  // namespace pandagpt
