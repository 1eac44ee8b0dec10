#include "tensor/devices.h"

#include <algorithm>
#include <cctype>

#include "pandagpt/error.h"

namespace pandagpt {

std::string device_name(ggml_backend_dev_t device) {
  std::string name = ggml_backend_dev_name(device);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

bool is_gpu(ggml_backend_dev_t device) {
  const enum ggml_backend_dev_type type = ggml_backend_dev_type(device);
  return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

namespace {

/// CPU and GPUs; accelerators that only help the CPU can't hold a graph.
std::vector<ggml_backend_dev_t> usable_devices() {
  std::vector<ggml_backend_dev_t> devices;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    if (is_gpu(device) || ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU)
      devices.push_back(device);
  }
  return devices;
}

}  // namespace

ggml_backend_dev_t find_device(const std::string& name) {
  const std::vector<ggml_backend_dev_t> devices = usable_devices();
  if (name == "auto") {
    const auto gpu = std::find_if(devices.begin(), devices.end(), is_gpu);
    return gpu != devices.end() ? *gpu : find_device("cpu");
  }
  std::string names;
  for (ggml_backend_dev_t device : devices) {
    if (device_name(device) == name) return device;
    names.append(" ").append(device_name(device));
  }
  throw Error(ErrorKind::kUsage,
              "there is no device \"" + name + "\"; use auto or one of:" + names);
}

std::string device_description(const std::string& name) {
  return ggml_backend_dev_description(find_device(name));
}

std::string ggml_release() {
  return ggml_version();
}

std::vector<std::string> compute_devices() {
  std::vector<std::string> names;
  for (ggml_backend_dev_t device : usable_devices())
    names.push_back(device_name(device));
  return names;
}

}  // namespace pandagpt
