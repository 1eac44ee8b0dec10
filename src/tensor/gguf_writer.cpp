#include <cstring>
#include <filesystem>
#include <ostream>
#include <utility>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorKind::kInternal, what);
}

/// A tensor header that owns no memory, for gguf_add_tensor.
ggml_tensor tensor_header(const std::string& name, ggml_type type, const TensorShape& shape) {
  if (name.empty() || name.size() >= GGML_MAX_NAME)
    fail("tensor name \"" + name + "\" is empty or longer than " +
         std::to_string(GGML_MAX_NAME - 1) + " bytes");
  if (shape.empty() || shape.size() > GGML_MAX_DIMS)
    fail("tensor " + name + " has " + std::to_string(shape.size()) + " dimensions, not 1 to 4");
  ggml_tensor header{};
  header.type = type;
  std::strncpy(header.name, name.c_str(), GGML_MAX_NAME - 1);
  for (std::size_t i = 0; i < GGML_MAX_DIMS; ++i) {
    header.ne[i] = i < shape.size() ? shape[i] : 1;
    if (header.ne[i] < 1) fail("tensor " + name + " has the shape " + shape_text(shape));
  }
  if (header.ne[0] % ggml_blck_size(type) != 0)
    fail("tensor " + name + ": rows of " + std::to_string(header.ne[0]) + " can't be stored as " +
         ggml_type_name(type));
  header.nb[0] = ggml_type_size(type);
  header.nb[1] = ggml_row_size(type, header.ne[0]);
  for (std::size_t i = 2; i < GGML_MAX_DIMS; ++i)
    header.nb[i] = header.nb[i - 1] * static_cast<std::size_t>(header.ne[i - 1]);
  return header;
}

void put(std::ostream& out, ByteView bytes) {
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

GgufWriter::GgufWriter() : gguf_(gguf_init_empty()) {
  if (!gguf_) fail("out of memory for a GGUF header");
}

void GgufWriter::set_u32(const std::string& key, std::uint32_t value) {
  gguf_set_val_u32(gguf_.get(), key.c_str(), value);
}
void GgufWriter::set_f32(const std::string& key, float value) {
  gguf_set_val_f32(gguf_.get(), key.c_str(), value);
}
void GgufWriter::set_bool(const std::string& key, bool value) {
  gguf_set_val_bool(gguf_.get(), key.c_str(), value);
}
void GgufWriter::set_str(const std::string& key, const std::string& value) {
  gguf_set_val_str(gguf_.get(), key.c_str(), value.c_str());
}
void GgufWriter::set_u32_array(const std::string& key, std::span<const std::uint32_t> values) {
  gguf_set_arr_data(gguf_.get(), key.c_str(), GGUF_TYPE_UINT32, values.data(), values.size());
}
void GgufWriter::set_i32_array(const std::string& key, std::span<const std::int32_t> values) {
  gguf_set_arr_data(gguf_.get(), key.c_str(), GGUF_TYPE_INT32, values.data(), values.size());
}
void GgufWriter::set_f32_array(const std::string& key, std::span<const float> values) {
  gguf_set_arr_data(gguf_.get(), key.c_str(), GGUF_TYPE_FLOAT32, values.data(), values.size());
}
void GgufWriter::set_str_array(const std::string& key, std::span<const std::string> values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values)
    pointers.push_back(value.c_str());
  gguf_set_arr_str(gguf_.get(), key.c_str(), pointers.data(), pointers.size());
}

void GgufWriter::copy_metadata(const GgufFile& file) {
  gguf_set_kv(gguf_.get(), file.gguf_.get());
  gguf_remove_key(gguf_.get(), GGUF_KEY_GENERAL_ALIGNMENT);  // that of the data is the default
}

void GgufWriter::remove_keys(const std::string& prefix) {
  for (std::int64_t i = gguf_get_n_kv(gguf_.get()) - 1; i >= 0; --i) {
    const std::string key = gguf_get_key(gguf_.get(), i);
    if (key.starts_with(prefix)) gguf_remove_key(gguf_.get(), key.c_str());
  }
}

void GgufWriter::add_streamed(const std::string& name, ggml_type type, const TensorShape& shape,
                              TensorProducer produce) {
  const ggml_tensor header = tensor_header(name, type, shape);
  if (gguf_find_tensor(gguf_.get(), name.c_str()) >= 0) fail("tensor " + name + " was added twice");
  gguf_add_tensor(gguf_.get(), &header);
  payloads_.push_back({ggml_nbytes(&header), std::move(produce)});
}

void GgufWriter::add_tensor(const std::string& name, ggml_type type, const TensorShape& shape,
                            ByteView data) {
  const ggml_tensor header = tensor_header(name, type, shape);
  if (data.size() != ggml_nbytes(&header))
    fail("tensor " + name + " of shape " + shape_text(shape) + " takes " +
         std::to_string(ggml_nbytes(&header)) + " bytes, got " + std::to_string(data.size()));
  add_streamed(name, type, shape,
               [copy = Bytes(data.begin(), data.end())](const TensorSink& sink) { sink(copy); });
}

void GgufWriter::add_f32(const std::string& name, const TensorShape& shape,
                         std::span<const float> values) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(values.data());
  add_tensor(name, GGML_TYPE_F32, shape, {data, values.size_bytes()});
}

void GgufWriter::add_f16(const std::string& name, const TensorShape& shape,
                         std::span<const float> values) {
  std::vector<ggml_fp16_t> halves(values.size());
  ggml_fp32_to_fp16_row(values.data(), halves.data(), static_cast<std::int64_t>(values.size()));
  const auto* data = reinterpret_cast<const std::uint8_t*>(halves.data());
  add_tensor(name, GGML_TYPE_F16, shape, {data, halves.size() * sizeof(ggml_fp16_t)});
}

std::uint64_t GgufWriter::file_size() const {
  const std::size_t alignment = gguf_get_alignment(gguf_.get());
  std::uint64_t size = gguf_get_meta_size(gguf_.get());
  for (const Payload& payload : payloads_)
    size += GGML_PAD(payload.size, alignment);
  return size;
}

void GgufWriter::put_tensor(std::ostream& out, const std::string& name,
                            const Payload& payload) const {
  std::size_t left = payload.size;
  payload.produce([&](ByteView part) {
    if (part.size() > left) fail("tensor " + name + ": more bytes than its shape takes");
    left -= part.size();
    put(out, part);
  });
  if (left != 0) fail("tensor " + name + ": " + std::to_string(left) + " bytes are missing");
  put(out, Bytes(GGML_PAD(payload.size, gguf_get_alignment(gguf_.get())) - payload.size));
}

void GgufWriter::write(const std::filesystem::path& path) const {
  require_disk_room(path, file_size());
  Bytes header(gguf_get_meta_size(gguf_.get()));
  gguf_get_meta_data(gguf_.get(), header.data());
  write_file_atomically(path, [&](std::ostream& out) {
    put(out, header);
    for (std::size_t i = 0; i < payloads_.size(); ++i)
      put_tensor(out, gguf_get_tensor_name(gguf_.get(), static_cast<std::int64_t>(i)),
                 payloads_[i]);
  });
}

}  // namespace pandagpt
