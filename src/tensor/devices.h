// The devices that ggml was built for and found on this machine.
#pragma once

#include <ggml-backend.h>

#include <string>
#include <vector>

namespace pandagpt {

/// ggml's "CUDA0" as "cuda0".
std::string device_name(ggml_backend_dev_t device);
bool is_gpu(ggml_backend_dev_t device);

/// "cpu", "cuda0", ..
std::vector<std::string> compute_devices();

/// A device of compute_devices() in words: "AMD EPYC 9R14".
std::string device_description(const std::string& name);
/// Version of the ggml that is loaded.
std::string ggml_release();

/// One of compute_devices(), or "auto": the first GPU, else the CPU. Throws Error(kUsage) for a
/// device that is not there; the message names those that are.
ggml_backend_dev_t find_device(const std::string& name);

}  // namespace pandagpt
