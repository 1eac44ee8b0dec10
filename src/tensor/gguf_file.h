// GGUF files: the container of every weight file of ours, and of llama.cpp's.
//
//   GgufWriter writer;
//   writer.set_str("general.architecture", "pandagpt-projector");
//   writer.add_f32("projector.weight", {1280, 576}, values);  // ne0 (fastest) first
//   writer.write("projector.gguf");
//
//   const GgufFile file("projector.gguf");
//   const GgufTensor& weight = file.require_tensor("projector.weight", {1280, 576});
#pragma once

#include <ggml-cpp.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/file.h"

namespace pandagpt {

/// Sizes in ggml's order: the fastest running dimension (ne0) first. One to four of them.
using TensorShape = std::vector<std::int64_t>;

/// "[1280, 576]".
std::string shape_text(const TensorShape& shape);

/// One tensor of an open file. `data` points into the file's memory map.
struct GgufTensor {
  std::string name;
  ggml_type type = GGML_TYPE_F32;
  TensorShape shape;  ///< ne0 first
  ByteView data;

  std::int64_t n_elements() const;
};

/// A read-only, memory-mapped GGUF file. Every offset and size is checked when it is opened.
/// All errors are Error(kModel) and name the file and the key or tensor.
class GgufFile {
 public:
  /// Throws if the file is missing, not GGUF, truncated, or has tensors outside of its data.
  explicit GgufFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// The whole file.
  ByteView bytes() const { return map_.bytes(); }

  bool has(const std::string& key) const;
  /// Metadata of the type in the function's name. Throws if it is missing or of another type;
  /// integers of any width and sign are taken when the value fits.
  std::uint32_t get_u32(const std::string& key) const;
  float get_f32(const std::string& key) const;
  bool get_bool(const std::string& key) const;
  std::string get_str(const std::string& key) const;
  std::vector<std::uint32_t> get_u32_array(const std::string& key) const;
  std::vector<float> get_f32_array(const std::string& key) const;
  std::vector<std::string> get_str_array(const std::string& key) const;

  /// All keys in the file's order.
  std::vector<std::string> keys() const;
  /// A value as one line of text; long strings and arrays are cut.
  std::string value_text(const std::string& key) const;

  /// All tensors in the file's order.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  /// nullptr if there is none of this name.
  const GgufTensor* find_tensor(const std::string& name) const;
  /// Throws if it is missing.
  const GgufTensor& tensor(const std::string& name) const;
  /// Throws if it is missing or its shape differs (trailing ones do not count).
  const GgufTensor& require_tensor(const std::string& name, const TensorShape& shape) const;
  /// The values as f32 in memory order, dequantised if need be.
  std::vector<float> read_f32(const std::string& name) const;
  /// The same with the shape checked as require_tensor does.
  std::vector<float> read_f32(const std::string& name, const TensorShape& shape) const;
  /// One row (ne0 values) of a matrix of this file. Throws if there is no such row.
  void read_row_f32(const GgufTensor& matrix, std::int64_t row, std::span<float> values) const;
  /// Gives the memory of a tensor that has been copied back to the system (MappedFile::release).
  void release(const GgufTensor& tensor) const { map_.release(tensor.data); }

 private:
  friend class GgufWriter;  // copy_metadata

  std::int64_t find_key(const std::string& key) const;
  std::int64_t require_key(const std::string& key) const;
  std::int64_t require_array(const std::string& key, gguf_type type) const;
  void read_tensor_table();
  void to_float(const GgufTensor& tensor, ByteView data, std::span<float> values) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path path_;
  MappedFile map_;
  gguf_context_ptr gguf_;
  std::vector<GgufTensor> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
};

/// Collects metadata and tensors, then writes them as one GGUF file.
class GgufWriter {
 public:
  /// Takes the next bytes of a tensor.
  using TensorSink = std::function<void(ByteView)>;
  /// Hands the whole of one tensor to a sink, in parts of any size.
  using TensorProducer = std::function<void(const TensorSink&)>;

  GgufWriter();

  void set_u32(const std::string& key, std::uint32_t value);
  void set_f32(const std::string& key, float value);
  void set_bool(const std::string& key, bool value);
  void set_str(const std::string& key, const std::string& value);
  void set_u32_array(const std::string& key, std::span<const std::uint32_t> values);
  void set_i32_array(const std::string& key, std::span<const std::int32_t> values);
  void set_f32_array(const std::string& key, std::span<const float> values);
  void set_str_array(const std::string& key, std::span<const std::string> values);
  /// Sets all that `file` has, as it is there; only general.alignment, which the writer decides.
  void copy_metadata(const GgufFile& file);

  /// Takes back all that was set under keys that begin so.
  void remove_keys(const std::string& prefix);

  /// Adds a tensor; `data` is copied. Throws Error(kInternal) if the name is taken, longer than 63
  /// bytes, or the size of `data` is not that of `shape` in `type`.
  void add_tensor(const std::string& name, ggml_type type, const TensorShape& shape, ByteView data);
  void add_f32(const std::string& name, const TensorShape& shape, std::span<const float> values);
  /// The same, stored as 16-bit floats.
  void add_f16(const std::string& name, const TensorShape& shape, std::span<const float> values);
  /// Declares a tensor that is never held in memory: `produce` is called by `write`, once.
  void add_streamed(const std::string& name, ggml_type type, const TensorShape& shape,
                    TensorProducer produce);

  /// Size of the file in bytes.
  std::uint64_t file_size() const;
  /// Writes the tensors in the order in which they were added, atomically (see
  /// write_file_atomically). Throws Error(kInternal): the disk has not enough room, which is seen
  /// beforehand where the system tells, or a producer gave more or less than its tensor's bytes.
  void write(const std::filesystem::path& path) const;

 private:
  struct Payload {
    std::size_t size;  ///< bytes
    TensorProducer produce;
  };

  void put_tensor(std::ostream& out, const std::string& name, const Payload& payload) const;

  gguf_context_ptr gguf_;
  std::vector<Payload> payloads_;  ///< one a tensor, in the order of the file
};

}  // namespace pandagpt
