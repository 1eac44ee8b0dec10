#include "convert/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "convert/strict_json.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kLengthBytes = 8;
// The header of a model with 100,000 tensors takes about 12 MB; safetensors itself allows 100 MB.
constexpr std::uint64_t kMaxHeaderBytes = 32 << 20;
constexpr std::size_t kMaxDims = 16;
constexpr int kMaxDepth = 3;  // {name: {"shape": [..]}}
constexpr char kMetadata[] = "__metadata__";

struct TypeName {
  const char* name;
  ElementType type;
};
constexpr TypeName kTypes[] = {
    {"F64", ElementType::kF64},   {"F32", ElementType::kF32}, {"F16", ElementType::kF16},
    {"BF16", ElementType::kBf16}, {"I64", ElementType::kI64}, {"I32", ElementType::kI32},
    {"I16", ElementType::kI16},   {"I8", ElementType::kI8},   {"U64", ElementType::kU64},
    {"U32", ElementType::kU32},   {"U16", ElementType::kU16}, {"U8", ElementType::kU8},
    {"BOOL", ElementType::kBool},
};

std::uint64_t header_length(ByteView bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= std::uint64_t{bytes[i]} << (8 * i);
  return length;
}

/// Where a tensor's bytes lie behind the header.
struct Extent {
  std::uint64_t begin;
  std::uint64_t end;
  std::string name;
};

class Reader {
 public:
  Reader(ByteView bytes, TensorTable* table) : bytes_(bytes), table_(table) {}

  void read() {
    if (!is_safetensors(bytes_)) fail("not a safetensors file");
    const std::uint64_t length = header_length(bytes_);
    if (length > kMaxHeaderBytes)
      fail("its header takes " + std::to_string(length) + " bytes, more than " +
           std::to_string(kMaxHeaderBytes));
    if (length > bytes_.size() - kLengthBytes)
      fail("the header is truncated; fetch the file again");
    data_ = bytes_.subspan(kLengthBytes + length);
    const nlohmann::json header =
        parse_strict_json(bytes_.subspan(kLengthBytes, length), kMaxDepth, table_->file());
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata)
        add_metadata(entry);
      else
        add_tensor(name, entry);
    }
    check_extents();
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel, table_->file() + ": " + what);
  }

  void add_metadata(const nlohmann::json& entry) {
    if (!entry.is_object()) fail(std::string(kMetadata) + " is not a table");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) fail(std::string(kMetadata) + " holds something that is not text");
      table_->add_scalar(key, value.get<std::string>());
    }
  }

  const nlohmann::json& field(const std::string& name, const nlohmann::json& entry,
                              const char* key) const {
    if (!entry.is_object() || !entry.contains(key)) fail("tensor " + name + " has no " + key);
    return entry.at(key);
  }

  /// A whole number that is not negative; floating-point ones are no sizes.
  std::uint64_t size(const std::string& name, const nlohmann::json& value) const {
    if (!value.is_number_unsigned() ||
        value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
      fail("tensor " + name + " has a size or an offset that is not a whole number from 0");
    return value.get<std::uint64_t>();
  }

  ElementType type(const std::string& name, const nlohmann::json& entry) const {
    const nlohmann::json& text = field(name, entry, "dtype");
    const auto* given = text.get_ptr<const nlohmann::json::string_t*>();
    for (const TypeName& known : kTypes)
      if (given != nullptr && *given == known.name) return known.type;
    fail("tensor " + name + " has the type " + text.dump() + ", which is not supported");
  }

  std::vector<std::int64_t> shape(const std::string& name, const nlohmann::json& entry) const {
    const nlohmann::json& sizes = field(name, entry, "shape");
    if (!sizes.is_array() || sizes.size() > kMaxDims)
      fail("tensor " + name + " has no list of up to 16 sizes for a shape");
    std::vector<std::int64_t> shape;
    for (const nlohmann::json& value : sizes)
      shape.push_back(static_cast<std::int64_t>(size(name, value)));
    return shape;
  }

  /// Bytes that the tensor takes; fails if they are more than the file has.
  std::uint64_t byte_count(const std::string& name, const SourceTensor& tensor) const {
    if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) return 0;
    std::uint64_t count = element_type_size(tensor.type);
    for (const std::int64_t size : tensor.shape) {
      if (static_cast<std::uint64_t>(size) > data_.size() / count)
        fail("tensor " + name + " is larger than the file, which is truncated; fetch it again");
      count *= static_cast<std::uint64_t>(size);
    }
    return count;
  }

  void add_tensor(const std::string& name, const nlohmann::json& entry) {
    SourceTensor tensor;
    tensor.type = type(name, entry);
    tensor.shape = shape(name, entry);
    const nlohmann::json& offsets = field(name, entry, "data_offsets");
    if (!offsets.is_array() || offsets.size() != 2) fail("tensor " + name + " has no two offsets");
    const std::uint64_t begin = size(name, offsets[0]);
    const std::uint64_t end = size(name, offsets[1]);
    const std::uint64_t count = byte_count(name, tensor);
    if (begin > end || end > data_.size())
      fail("tensor " + name + " lies outside of the file, which is truncated; fetch it again");
    if (end - begin != count)
      fail("tensor " + name + " has offsets for " + std::to_string(end - begin) +
           " bytes, but its shape takes " + std::to_string(count));
    if (count > 0) tensor.strides = row_major_strides(tensor.shape);
    tensor.strides.resize(tensor.shape.size(), 0);
    tensor.data = data_.subspan(begin, count);
    extents_.push_back({begin, end, name});
    table_->add(name, std::move(tensor));
  }

  /// The format wants every byte to belong to exactly one tensor.
  void check_extents() {
    std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t end = 0;
    for (const Extent& extent : extents_) {
      if (extent.begin != end)
        fail("tensor " + extent.name + (extent.begin < end ? " overlaps" : " leaves a gap behind") +
             " the one before it");
      end = extent.end;
    }
    if (end != data_.size())
      fail(std::to_string(data_.size() - end) + " bytes at the end belong to no tensor");
  }

  ByteView bytes_;
  ByteView data_;  // behind the header
  TensorTable* table_;
  std::vector<Extent> extents_;
};

}  // namespace

bool is_safetensors(ByteView bytes) {
  return bytes.size() > kLengthBytes && bytes[kLengthBytes] == '{';
}

void read_safetensors(ByteView bytes, TensorTable* table) {
  Reader(bytes, table).read();
}

}  // namespace pandagpt
