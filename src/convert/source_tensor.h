// Tensors of foreign checkpoints, whatever the container: views into a memory-mapped file.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// Element types of the checkpoints that are read.
enum class ElementType {
  kF64,
  kF32,
  kF16,
  kBf16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool
};

/// "float32", as torch and numpy print it.
const char* element_type_name(ElementType type);
/// Bytes of one element.
std::size_t element_type_size(ElementType type);

/// One tensor of an open checkpoint.
struct SourceTensor {
  ElementType type = ElementType::kF32;
  std::vector<std::int64_t> shape;    ///< torch's order: slowest running dimension first
  std::vector<std::int64_t> strides;  ///< in elements; not negative
  ByteView data;                      ///< from the first element to the last one that is used

  std::int64_t n_elements() const;
  /// Whether `data` holds the elements in row-major order, without gaps.
  bool is_contiguous() const;
  /// The values in row-major order; integers and halves are converted.
  std::vector<float> to_f32() const;
  /// The same for the elements [first, first + out.size()), which must exist.
  void read_f32(std::int64_t first, std::span<float> out) const;
};

/// Strides of a row-major tensor without gaps.
std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape);

/// What a container's reader fills.
class TensorTable {
 public:
  /// `file` is for messages.
  explicit TensorTable(std::string file) : file_(std::move(file)) {}

  /// Throws Error(kModel): a name that is empty, taken, too long, not UTF-8 or not printable, or
  /// too many of them.
  void add(const std::string& name, SourceTensor tensor);
  void add_scalar(const std::string& name, std::string text);

  const std::string& file() const { return file_; }
  /// Moves the result out.
  std::map<std::string, SourceTensor> take_tensors() { return std::move(tensors_); }
  std::map<std::string, std::string> take_scalars() { return std::move(scalars_); }

 private:
  void check_name(const std::string& name) const;

  std::string file_;
  std::map<std::string, SourceTensor> tensors_;
  std::map<std::string, std::string> scalars_;
};

}  // namespace pandagpt
