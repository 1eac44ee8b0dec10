#include "tensor/gguf_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <sstream>

#include "core/what_is_this.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxShownChars = 160;
constexpr std::size_t kMaxShownElements = 8;

/// An integer of the metadata, whatever its width; false if the type is none.
bool read_integer(const gguf_context* gguf, std::int64_t id, std::int64_t* value) {
  switch (gguf_get_kv_type(gguf, id)) {
    case GGUF_TYPE_UINT8:
      *value = gguf_get_val_u8(gguf, id);
      return true;
    case GGUF_TYPE_INT8:
      *value = gguf_get_val_i8(gguf, id);
      return true;
    case GGUF_TYPE_UINT16:
      *value = gguf_get_val_u16(gguf, id);
      return true;
    case GGUF_TYPE_INT16:
      *value = gguf_get_val_i16(gguf, id);
      return true;
    case GGUF_TYPE_UINT32:
      *value = gguf_get_val_u32(gguf, id);
      return true;
    case GGUF_TYPE_INT32:
      *value = gguf_get_val_i32(gguf, id);
      return true;
    case GGUF_TYPE_INT64:
      *value = gguf_get_val_i64(gguf, id);
      return true;
    case GGUF_TYPE_UINT64: {
      const std::uint64_t wide = gguf_get_val_u64(gguf, id);
      *value = wide > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(wide);
      return true;
    }
    default:
      return false;
  }
}

/// `count` elements of a plain type at `data` as text, the first few of them.
template <typename T>
std::string elements_text(const void* data, std::size_t count) {
  std::ostringstream text;
  const auto* values = static_cast<const T*>(data);
  for (std::size_t i = 0; i < std::min(count, kMaxShownElements); ++i)
    text << (i ? ", " : "") << +values[i];
  return text.str();
}

std::string plain_text(gguf_type type, const void* data, std::size_t count) {
  switch (type) {
    case GGUF_TYPE_UINT8:
      return elements_text<std::uint8_t>(data, count);
    case GGUF_TYPE_INT8:
      return elements_text<std::int8_t>(data, count);
    case GGUF_TYPE_UINT16:
      return elements_text<std::uint16_t>(data, count);
    case GGUF_TYPE_INT16:
      return elements_text<std::int16_t>(data, count);
    case GGUF_TYPE_UINT32:
      return elements_text<std::uint32_t>(data, count);
    case GGUF_TYPE_INT32:
      return elements_text<std::int32_t>(data, count);
    case GGUF_TYPE_FLOAT32:
      return elements_text<float>(data, count);
    case GGUF_TYPE_UINT64:
      return elements_text<std::uint64_t>(data, count);
    case GGUF_TYPE_INT64:
      return elements_text<std::int64_t>(data, count);
    case GGUF_TYPE_FLOAT64:
      return elements_text<double>(data, count);
    case GGUF_TYPE_BOOL:
      return elements_text<std::int8_t>(data, count);
    default:
      return "?";
  }
}

/// A quoted string without line breaks, cut when long.
std::string quoted(std::string_view value) {
  std::string text = "\"";
  for (const char c : value.substr(0, kMaxShownChars)) {
    if (c == '\n')
      text += "\\n";
    else
      text += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return text + (value.size() > kMaxShownChars ? "\"..." : "\"");
}

TensorShape without_trailing_ones(TensorShape shape) {
  while (shape.size() > 1 && shape.back() == 1)
    shape.pop_back();
  return shape;
}

}  // namespace

std::string shape_text(const TensorShape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::int64_t GgufTensor::n_elements() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape)
    count *= size;
  return count;
}

GgufFile::GgufFile(const fs::path& path) : path_(path), map_(path) {
  const ByteView bytes = map_.bytes();
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
    fail("not a GGUF file" + but_it_is(what_is_this(bytes), ""));
  gguf_.reset(
      gguf_init_from_buffer(bytes.data(), bytes.size(), {.no_alloc = true, .ctx = nullptr}));
  if (!gguf_) fail("the GGUF header is damaged or truncated; fetch or convert the file again");
  read_tensor_table();
}

void GgufFile::read_tensor_table() {
  const std::size_t file_size = map_.bytes().size();
  const std::size_t data_start = gguf_get_data_offset(gguf_.get());
  const std::int64_t count = gguf_get_n_tensors(gguf_.get());
  for (std::int64_t i = 0; i < count; ++i) {
    GgufTensor tensor;
    tensor.name = gguf_get_tensor_name(gguf_.get(), i);
    tensor.type = gguf_get_tensor_type(gguf_.get(), i);
    const std::int64_t* ne = gguf_get_tensor_ne(gguf_.get(), i);
    tensor.shape = without_trailing_ones({ne, ne + GGML_MAX_DIMS});
    const std::size_t offset = gguf_get_tensor_offset(gguf_.get(), i);
    const std::size_t size = gguf_get_tensor_size(gguf_.get(), i);
    if (data_start > file_size || offset > file_size - data_start ||
        size > file_size - data_start - offset)
      fail("tensor " + tensor.name + " lies outside of the file, which is truncated; " +
           "fetch or convert it again");
    tensor.data = map_.bytes().subspan(data_start + offset, size);
    index_.emplace(tensor.name, tensors_.size());
    tensors_.push_back(std::move(tensor));
  }
}

void GgufFile::fail(const std::string& what) const {
  throw Error(ErrorKind::kModel, path_.string() + ": " + what);
}

std::int64_t GgufFile::find_key(const std::string& key) const {
  return gguf_find_key(gguf_.get(), key.c_str());
}

std::int64_t GgufFile::require_key(const std::string& key) const {
  const std::int64_t id = find_key(key);
  if (id < 0) fail("the metadata lacks " + key);
  return id;
}

std::int64_t GgufFile::require_array(const std::string& key, gguf_type type) const {
  const std::int64_t id = require_key(key);
  if (gguf_get_kv_type(gguf_.get(), id) != GGUF_TYPE_ARRAY ||
      gguf_get_arr_type(gguf_.get(), id) != type)
    fail(key + " is not an array of " + gguf_type_name(type));
  return id;
}

bool GgufFile::has(const std::string& key) const {
  return find_key(key) >= 0;
}

std::uint32_t GgufFile::get_u32(const std::string& key) const {
  std::int64_t value = 0;
  if (!read_integer(gguf_.get(), require_key(key), &value)) fail(key + " is not an integer");
  if (value < 0 || value > std::numeric_limits<std::uint32_t>::max())
    fail(key + " is " + std::to_string(value) + ", outside of an unsigned 32-bit integer");
  return static_cast<std::uint32_t>(value);
}

float GgufFile::get_f32(const std::string& key) const {
  const std::int64_t id = require_key(key);
  const gguf_type type = gguf_get_kv_type(gguf_.get(), id);
  if (type == GGUF_TYPE_FLOAT64) return static_cast<float>(gguf_get_val_f64(gguf_.get(), id));
  if (type != GGUF_TYPE_FLOAT32) fail(key + " is not a floating-point number");
  return gguf_get_val_f32(gguf_.get(), id);
}

bool GgufFile::get_bool(const std::string& key) const {
  const std::int64_t id = require_key(key);
  if (gguf_get_kv_type(gguf_.get(), id) != GGUF_TYPE_BOOL) fail(key + " is not a boolean");
  return gguf_get_val_bool(gguf_.get(), id);
}

std::string GgufFile::get_str(const std::string& key) const {
  const std::int64_t id = require_key(key);
  if (gguf_get_kv_type(gguf_.get(), id) != GGUF_TYPE_STRING) fail(key + " is not a string");
  return gguf_get_val_str(gguf_.get(), id);
}

std::vector<std::uint32_t> GgufFile::get_u32_array(const std::string& key) const {
  const std::int64_t id = require_array(key, GGUF_TYPE_UINT32);
  const auto* data = static_cast<const std::uint32_t*>(gguf_get_arr_data(gguf_.get(), id));
  return {data, data + gguf_get_arr_n(gguf_.get(), id)};
}

std::vector<float> GgufFile::get_f32_array(const std::string& key) const {
  const std::int64_t id = require_array(key, GGUF_TYPE_FLOAT32);
  const auto* data = static_cast<const float*>(gguf_get_arr_data(gguf_.get(), id));
  return {data, data + gguf_get_arr_n(gguf_.get(), id)};
}

std::vector<std::string> GgufFile::get_str_array(const std::string& key) const {
  const std::int64_t id = require_array(key, GGUF_TYPE_STRING);
  std::vector<std::string> values(gguf_get_arr_n(gguf_.get(), id));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = gguf_get_arr_str(gguf_.get(), id, i);
  return values;
}

std::vector<std::string> GgufFile::keys() const {
  std::vector<std::string> keys;
  for (std::int64_t i = 0; i < gguf_get_n_kv(gguf_.get()); ++i)
    keys.emplace_back(gguf_get_key(gguf_.get(), i));
  return keys;
}

std::string GgufFile::value_text(const std::string& key) const {
  const std::int64_t id = require_key(key);
  const gguf_type type = gguf_get_kv_type(gguf_.get(), id);
  if (type == GGUF_TYPE_STRING) return quoted(gguf_get_val_str(gguf_.get(), id));
  if (type == GGUF_TYPE_BOOL) return gguf_get_val_bool(gguf_.get(), id) ? "true" : "false";
  if (type != GGUF_TYPE_ARRAY) return plain_text(type, gguf_get_val_data(gguf_.get(), id), 1);

  const gguf_type element = gguf_get_arr_type(gguf_.get(), id);
  const std::size_t count = gguf_get_arr_n(gguf_.get(), id);
  std::string text;
  if (element == GGUF_TYPE_STRING) {
    for (std::size_t i = 0; i < std::min(count, kMaxShownElements); ++i)
      text += (i ? ", " : "") + quoted(gguf_get_arr_str(gguf_.get(), id, i));
  } else {
    text = plain_text(element, gguf_get_arr_data(gguf_.get(), id), count);
  }
  const bool cut = count > kMaxShownElements;
  return "[" + text + (cut ? ", ... " + std::to_string(count) + " in all]" : "]");
}

const GgufTensor* GgufFile::find_tensor(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const GgufTensor& GgufFile::tensor(const std::string& name) const {
  const GgufTensor* found = find_tensor(name);
  if (!found) fail("tensor " + name + " is missing");
  return *found;
}

const GgufTensor& GgufFile::require_tensor(const std::string& name,
                                           const TensorShape& shape) const {
  const GgufTensor& found = tensor(name);
  if (found.shape != without_trailing_ones(shape))
    fail("tensor " + name + " has the shape " + shape_text(found.shape) + ", expected " +
         shape_text(shape));
  return found;
}

/// `data` is a part of the tensor's and holds as many values as are wanted.
void GgufFile::to_float(const GgufTensor& tensor, ByteView data, std::span<float> values) const {
  if (values.empty()) return;
  if (tensor.type == GGML_TYPE_F32) {
    std::memcpy(values.data(), data.data(), values.size_bytes());
    return;
  }
  const ggml_type_traits* traits = ggml_get_type_traits(tensor.type);
  if (!traits->to_float)
    fail("tensor " + tensor.name + " has the type " + ggml_type_name(tensor.type) +
         ", which can't be converted to float");
  traits->to_float(data.data(), values.data(), static_cast<std::int64_t>(values.size()));
}

std::vector<float> GgufFile::read_f32(const std::string& name) const {
  const GgufTensor& source = tensor(name);
  std::vector<float> values(static_cast<std::size_t>(source.n_elements()));
  to_float(source, source.data, values);
  return values;
}

void GgufFile::read_row_f32(const GgufTensor& matrix, std::int64_t row,
                            std::span<float> values) const {
  const std::int64_t width = matrix.shape.front();
  if (row < 0 || row >= matrix.n_elements() / width ||
      static_cast<std::int64_t>(values.size()) != width)
    fail("tensor " + matrix.name + " of shape " + shape_text(matrix.shape) + " has no row " +
         std::to_string(row) + " of " + std::to_string(values.size()) + " values");
  const std::size_t row_bytes = ggml_row_size(matrix.type, width);
  to_float(matrix, matrix.data.subspan(row * row_bytes, row_bytes), values);
}

std::vector<float> GgufFile::read_f32(const std::string& name, const TensorShape& shape) const {
  require_tensor(name, shape);
  return read_f32(name);
}

}  // namespace pandagpt
