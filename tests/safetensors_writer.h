// Safetensors files for tests, good and bad ones.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace pandagpt::test {

struct F32Tensor {
  std::vector<std::int64_t> shape;  ///< slowest dimension first
  std::vector<float> values;
};

/// A file with this header, whatever it says, and this data.
inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
  std::string bytes;
  for (std::uint64_t length = header.size(), i = 0; i < 8; ++i, length >>= 8)
    bytes += static_cast<char>(length & 0xff);
  return bytes + header + data;
}

/// A well-formed file.
inline std::string safetensors_bytes(const std::map<std::string, F32Tensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()),
                tensor.values.size() * sizeof(float));
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return safetensors_bytes(header.dump(), data);
}

}  // namespace pandagpt::test
