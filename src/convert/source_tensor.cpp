#include "convert/source_tensor.h"

#include <ggml.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/utf8.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kMaxNames = 1'000'000;
constexpr std::size_t kMaxNameBytes = 1024;

struct TypeFacts {
  const char* name;
  std::size_t size;
};

TypeFacts facts_of(ElementType type) {
  switch (type) {
    case ElementType::kF64:
      return {"float64", 8};
    case ElementType::kF32:
      return {"float32", 4};
    case ElementType::kF16:
      return {"float16", 2};
    case ElementType::kBf16:
      return {"bfloat16", 2};
    case ElementType::kI64:
      return {"int64", 8};
    case ElementType::kI32:
      return {"int32", 4};
    case ElementType::kI16:
      return {"int16", 2};
    case ElementType::kI8:
      return {"int8", 1};
    case ElementType::kU64:
      return {"uint64", 8};
    case ElementType::kU32:
      return {"uint32", 4};
    case ElementType::kU16:
      return {"uint16", 2};
    case ElementType::kU8:
      return {"uint8", 1};
    case ElementType::kBool:
      return {"bool", 1};
  }
  return {"?", 1};
}

/// `count` elements at `from`, which need not be aligned.
template <typename T>
void convert(const std::uint8_t* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = static_cast<float>(value);
  }
}

/// The same for ggml's row functions, which want aligned halves.
template <typename Half, typename RowFunction>
void convert_halves(const std::uint8_t* from, float* to, std::int64_t count, RowFunction row) {
  constexpr std::int64_t kPart = 4096;
  Half part[kPart];
  for (std::int64_t i = 0; i < count; i += kPart) {
    const std::int64_t n = std::min(kPart, count - i);
    std::memcpy(part, from + i * sizeof(Half), n * sizeof(Half));
    row(part, to + i, n);
  }
}

void convert_run(ElementType type, const std::uint8_t* from, float* to, std::int64_t count) {
  switch (type) {
    case ElementType::kF64:
      return convert<double>(from, to, count);
    case ElementType::kF32:
      std::memcpy(to, from, count * sizeof(float));
      return;
    case ElementType::kF16:
      return convert_halves<ggml_fp16_t>(from, to, count, ggml_fp16_to_fp32_row);
    case ElementType::kBf16:
      return convert_halves<ggml_bf16_t>(from, to, count, ggml_bf16_to_fp32_row);
    case ElementType::kI64:
      return convert<std::int64_t>(from, to, count);
    case ElementType::kI32:
      return convert<std::int32_t>(from, to, count);
    case ElementType::kI16:
      return convert<std::int16_t>(from, to, count);
    case ElementType::kI8:
      return convert<std::int8_t>(from, to, count);
    case ElementType::kU64:
      return convert<std::uint64_t>(from, to, count);
    case ElementType::kU32:
      return convert<std::uint32_t>(from, to, count);
    case ElementType::kU16:
      return convert<std::uint16_t>(from, to, count);
    case ElementType::kU8:
      return convert<std::uint8_t>(from, to, count);
    case ElementType::kBool:
      for (std::int64_t i = 0; i < count; ++i)
        to[i] = from[i] != 0 ? 1.0F : 0.0F;
      return;
  }
}

}  // namespace

const char* element_type_name(ElementType type) {
  return facts_of(type).name;
}

std::size_t element_type_size(ElementType type) {
  return facts_of(type).size;
}

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t dim = shape.size(); dim-- > 0;) {
    strides[dim] = stride;
    stride *= shape[dim];
  }
  return strides;
}

std::int64_t SourceTensor::n_elements() const {
  // Sizes beside a zero are not bounded by the file, so their product could overflow.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t size : shape)
    count *= size;
  return count;
}

bool SourceTensor::is_contiguous() const {
  if (n_elements() == 0) return true;
  const std::vector<std::int64_t> wanted = row_major_strides(shape);
  for (std::size_t dim = 0; dim < shape.size(); ++dim)
    if (shape[dim] > 1 && strides[dim] != wanted[dim]) return false;
  return true;
}

std::vector<float> SourceTensor::to_f32() const {
  std::vector<float> values(static_cast<std::size_t>(n_elements()));
  read_f32(0, values);
  return values;
}

void SourceTensor::read_f32(std::int64_t first, std::span<float> out) const {
  if (out.empty()) return;
  const std::size_t element = element_type_size(type);
  if (is_contiguous())
    return convert_run(type, data.data() + first * element, out.data(),
                       static_cast<std::int64_t>(out.size()));
  std::vector<std::int64_t> index(shape.size(), 0);
  std::int64_t at = 0;
  for (std::size_t dim = shape.size(); dim-- > 0;) {
    index[dim] = first % shape[dim];
    first /= shape[dim];
    at += index[dim] * strides[dim];
  }
  for (float& value : out) {
    convert_run(type, data.data() + at * element, &value, 1);
    for (std::size_t dim = shape.size(); dim-- > 0;) {  // the next index in row-major order
      at += strides[dim];
      if (++index[dim] < shape[dim]) break;
      at -= strides[dim] * shape[dim];
      index[dim] = 0;
    }
  }
}

void TensorTable::check_name(const std::string& name) const {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorKind::kModel, file_ + ": " + what);
  };
  if (tensors_.size() + scalars_.size() >= kMaxNames) fail("holds too many values");
  if (name.empty()) fail("holds a value without a name");
  if (name.size() > kMaxNameBytes)
    fail("holds a name of " + std::to_string(name.size()) + " bytes");
  if (!is_printable_utf8(name)) fail("holds a name that is not printable UTF-8");
  if (tensors_.contains(name) || scalars_.contains(name)) fail("two values are called " + name);
}

void TensorTable::add(const std::string& name, SourceTensor tensor) {
  check_name(name);
  tensors_.emplace(name, std::move(tensor));
}

void TensorTable::add_scalar(const std::string& name, std::string text) {
  check_name(name);
  scalars_.emplace(name, std::move(text));
}

}  // namespace pandagpt
