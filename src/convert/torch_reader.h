// Reads checkpoints written by torch.save without running the code that pickles can hold.
//
// Both containers are known: the zip of torch >= 1.6 (data.pkl + data/0, data/1, ...) and the
// legacy stream (magic number, protocol, system info, object, storage keys, raw storages). The
// pickle machine builds dictionaries, lists, tuples, numbers, strings and tensors; any other
// function or class is refused by its name. Tensors are views into the memory-mapped file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// Element types of torch storages.
enum class TorchType { kF64, kF32, kF16, kBf16, kI64, kI32, kI16, kI8, kU8, kBool };

/// "float32", as torch prints it.
const char* torch_type_name(TorchType type);
/// Bytes of one element.
std::size_t torch_type_size(TorchType type);

/// One tensor of an open checkpoint.
struct TorchTensor {
  TorchType type = TorchType::kF32;
  std::vector<std::int64_t> shape;    ///< torch's order: slowest running dimension first
  std::vector<std::int64_t> strides;  ///< in elements; not negative
  ByteView data;                      ///< from the first element to the last one that is used

  std::int64_t n_elements() const;
  /// The values in row-major order; integers and halves are converted.
  std::vector<float> to_f32() const;
};

/// An open checkpoint: a flat table of its tensors.
class TorchFile {
 public:
  /// Opens a checkpoint. Names of nested dictionaries and lists are joined by ".": {"model": {"w":
  /// tensor}} gives "model.w". Throws Error(kModel), naming the file: missing, neither of the two
  /// formats, damaged, truncated, big-endian, or with something that is not plain data.
  explicit TorchFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// Tensors by name, sorted.
  const std::map<std::string, TorchTensor>& tensors() const { return tensors_; }
  /// Numbers, strings and booleans of the checkpoint as text, by name.
  const std::map<std::string, std::string>& scalars() const { return scalars_; }
  /// Throws Error(kModel) if there is none of this name.
  const TorchTensor& tensor(const std::string& name) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<MappedFile> map_;
  std::map<std::string, TorchTensor> tensors_;
  std::map<std::string, std::string> scalars_;
};

}  // namespace pandagpt
