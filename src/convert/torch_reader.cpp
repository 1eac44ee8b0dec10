#include "convert/torch_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <unordered_map>

#include "convert/pickle.h"
#include "convert/zip_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxDepth = 32;  // of nested dictionaries and lists
constexpr std::size_t kMaxDims = 16;
constexpr std::size_t kMaxNames = 1'000'000;
constexpr std::int64_t kLegacyProtocol = 1001;  // torch/serialization.py, PROTOCOL_VERSION
constexpr char kLegacyMagic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // MAGIC_NUMBER
constexpr char kZipStart[] = "PK\x03\x04";
constexpr std::uint8_t kPickleStart = 0x80;

struct TypeName {
  const char* storage;
  TorchType type;
};
constexpr TypeName kStorageTypes[] = {
    {"torch.DoubleStorage", TorchType::kF64}, {"torch.FloatStorage", TorchType::kF32},
    {"torch.HalfStorage", TorchType::kF16},   {"torch.BFloat16Storage", TorchType::kBf16},
    {"torch.LongStorage", TorchType::kI64},   {"torch.IntStorage", TorchType::kI32},
    {"torch.ShortStorage", TorchType::kI16},  {"torch.CharStorage", TorchType::kI8},
    {"torch.ByteStorage", TorchType::kU8},    {"torch.BoolStorage", TorchType::kBool},
};

std::optional<TorchType> storage_type(const std::string& name) {
  for (const TypeName& known : kStorageTypes)
    if (name == known.storage) return known.type;
  return std::nullopt;
}

/// Turns a pickled object into tables of tensors and scalars.
class Collector {
 public:
  using StorageLookup = std::function<ByteView(const std::string& key)>;

  Collector(const PickleDocument& document, const std::string& file, StorageLookup storage,
            std::map<std::string, TorchTensor>* tensors,
            std::map<std::string, std::string>* scalars)
      : document_(document),
        file_(file),
        storage_(std::move(storage)),
        tensors_(tensors),
        scalars_(scalars) {}

  void collect(PickleId id, const std::string& name, int depth = 0) {
    if (depth > kMaxDepth) fail(name + " is nested too deeply");
    if (++n_visited_ > kMaxNames) fail("holds too many values");
    const PickleValue& value = document_[id];
    switch (value.kind) {
      case Kind::kDict:
        for (std::size_t i = 0; i + 1 < value.items.size(); i += 2)
          collect(value.items[i + 1], joined(name, key_text(value.items[i])), depth + 1);
        return;
      case Kind::kList:
      case Kind::kTuple:
        for (std::size_t i = 0; i < value.items.size(); ++i)
          collect(value.items[i], joined(name, std::to_string(i)), depth + 1);
        return;
      case Kind::kTensor:
        return add(tensors_, name, tensor(value, name));
      default:
        return add(scalars_, name, scalar_text(value));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel, file_ + ": " + what);
  }

  template <typename Table, typename Value>
  void add(Table* table, const std::string& name, Value value) {
    if (!table->emplace(name.empty() ? "tensor" : name, std::move(value)).second)
      fail("two values are called " + name);
  }

  static std::string joined(const std::string& name, const std::string& key) {
    return name.empty() ? key : name + "." + key;
  }

  std::string key_text(PickleId id) const {
    const PickleValue& key = document_[id];
    if (key.kind == Kind::kString) return key.text;
    if (key.kind == Kind::kInt) return std::to_string(key.integer);
    fail(std::string("a dictionary has a ") + pickle_kind_name(key.kind) + " for a key");
  }

  static std::string scalar_text(const PickleValue& value) {
    switch (value.kind) {
      case Kind::kBool:
        return value.integer ? "True" : "False";
      case Kind::kInt:
        return std::to_string(value.integer);
      case Kind::kFloat:
        return std::to_string(value.number);
      case Kind::kString:
      case Kind::kGlobal:
        return value.text;
      default:
        return pickle_kind_name(value.kind);
    }
  }

  std::vector<std::int64_t> sizes(PickleId id, const std::string& name) const {
    std::vector<std::int64_t> sizes;
    for (const PickleId item : document_[id].items) {
      const PickleValue& size = document_[item];
      if (size.kind != Kind::kInt || size.integer < 0)
        fail("tensor " + name + " has a negative size or stride");
      sizes.push_back(size.integer);
    }
    if (sizes.size() > kMaxDims) fail("tensor " + name + " has more than 16 dimensions");
    return sizes;
  }

  TorchTensor tensor(const PickleValue& value, const std::string& name) const {
    const PickleValue& storage = document_[value.items[0]];
    const std::optional<TorchType> type = storage_type(document_[storage.items[0]].text);
    if (!type) fail("tensor " + name + " has an unknown type");
    TorchTensor tensor;
    tensor.type = *type;
    tensor.shape = sizes(value.items[2], name);
    tensor.strides = sizes(value.items[3], name);
    if (tensor.strides.size() != tensor.shape.size())
      fail("tensor " + name + " has a size and a stride of different lengths");
    const ByteView bytes = storage_(storage.text);
    const std::uint64_t available = bytes.size() / torch_type_size(*type);
    if (storage.integer < 0 || static_cast<std::uint64_t>(storage.integer) > available)
      fail("the storage of tensor " + name + " is truncated");
    set_data(&tensor, document_[value.items[1]].integer, storage.integer, bytes, name);
    return tensor;
  }

  /// Cuts the tensor's part out of its storage of `limit` elements.
  void set_data(TorchTensor* tensor, std::int64_t offset, std::int64_t limit, ByteView bytes,
                const std::string& name) const {
    std::int64_t n_elements = 1;
    std::int64_t last = 0;  // the highest index that is used, from the offset
    const auto outside = [&] {
      fail("tensor " + name + " lies outside of its storage of " + std::to_string(limit) +
           " elements");
    };
    if (offset < 0 || offset > limit) outside();
    const bool empty =
        std::find(tensor->shape.begin(), tensor->shape.end(), 0) != tensor->shape.end();
    for (std::size_t i = 0; i < tensor->shape.size() && !empty; ++i) {
      const std::int64_t size = tensor->shape[i];
      // An expanded tensor (stride 0) would let a small file ask for any amount of memory.
      if (size > limit / n_elements) outside();
      n_elements *= size;
      if (size == 1) continue;
      if (tensor->strides[i] > limit / (size - 1)) outside();
      last += (size - 1) * tensor->strides[i];
      if (last > limit) outside();
    }
    const std::int64_t used = empty ? 0 : last + 1;
    if (used > limit - offset) outside();
    const std::size_t element = torch_type_size(tensor->type);
    tensor->data = bytes.subspan(offset * element, used * element);
  }

  const PickleDocument& document_;
  const std::string& file_;
  StorageLookup storage_;
  std::map<std::string, TorchTensor>* tensors_;
  std::map<std::string, std::string>* scalars_;
  std::size_t n_visited_ = 0;
};

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = std::uint32_t{half & 0x8000U} << 16;
  const std::uint32_t exponent = half >> 10 & 31U;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {  // zero and subnormal numbers: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <typename T>
T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

float element_to_float(TorchType type, const std::uint8_t* at) {
  switch (type) {
    case TorchType::kF64:
      return static_cast<float>(load<double>(at));
    case TorchType::kF32:
      return load<float>(at);
    case TorchType::kF16:
      return half_to_float(load<std::uint16_t>(at));
    case TorchType::kBf16:
      return std::bit_cast<float>(std::uint32_t{load<std::uint16_t>(at)} << 16);
    case TorchType::kI64:
      return static_cast<float>(load<std::int64_t>(at));
    case TorchType::kI32:
      return static_cast<float>(load<std::int32_t>(at));
    case TorchType::kI16:
      return static_cast<float>(load<std::int16_t>(at));
    case TorchType::kI8:
      return static_cast<float>(load<std::int8_t>(at));
    case TorchType::kU8:
      return static_cast<float>(*at);
    case TorchType::kBool:
      return *at ? 1.0F : 0.0F;
  }
  return 0.0F;
}

/// The zip container: NAME/data.pkl and NAME/data/KEY.
void read_zip(ByteView bytes, const std::string& file, std::map<std::string, TorchTensor>* tensors,
              std::map<std::string, std::string>* scalars) {
  const auto members = read_stored_zip(bytes, file);
  constexpr std::string_view kPickleMember = "data.pkl";
  std::string prefix;
  const ByteView* pickle = nullptr;
  for (const auto& [name, data] : members) {
    if (!name.ends_with(kPickleMember)) continue;
    prefix = name.substr(0, name.size() - kPickleMember.size());
    pickle = &data;
    break;
  }
  if (!pickle) throw Error(ErrorKind::kModel, file + ": a zip archive, but not a torch checkpoint");
  if (const auto order = members.find(prefix + "byteorder"); order != members.end())
    if (std::string(order->second.begin(), order->second.end()) != "little")
      throw Error(
          ErrorKind::kModel,
          file + ": written by a big-endian machine; save it again on a " + "little-endian one");
  const PickleDocument document = read_pickle(*pickle, 0, file);
  Collector(
      document, file,
      [&](const std::string& key) {
        const auto found = members.find(prefix + "data/" + key);
        if (found == members.end())
          throw Error(ErrorKind::kModel, file + ": the storage " + key + " is missing");
        return found->second;
      },
      tensors, scalars)
      .collect(document.root, "");
}

/// The legacy container: four pickles, a pickled list of storage keys, then the storages in that
/// order, each with its number of elements before it.
class LegacyReader {
 public:
  LegacyReader(ByteView bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  void read(std::map<std::string, TorchTensor>* tensors,
            std::map<std::string, std::string>* scalars) {
    check_header();
    const PickleDocument document = next();
    const PickleDocument keys = next();
    std::unordered_map<std::string, TorchType> types;
    for (const PickleValue& value : document.values) {
      if (value.kind != Kind::kStorage) continue;
      const std::optional<TorchType> type = storage_type(document[value.items[0]].text);
      if (!type || types.emplace(value.text, *type).first->second != *type)
        fail("the storage " + value.text + " has an unknown type");
    }
    std::unordered_map<std::string, ByteView> storages;
    for (const PickleId id : keys[keys.root].items) {
      const auto type = types.find(keys[id].text);
      if (type == types.end()) fail("has a storage without a tensor");
      storages[keys[id].text] = next_storage(torch_type_size(type->second));
    }
    Collector(
        document, file_,
        [&](const std::string& key) {
          const auto found = storages.find(key);
          if (found == storages.end()) fail("the storage " + key + " is missing");
          return found->second;
        },
        tensors, scalars)
        .collect(document.root, "");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel, file_ + ": " + what);
  }

  PickleDocument next() {
    PickleDocument document = read_pickle(bytes_, at_, file_);
    at_ = document.end;
    return document;
  }

  void check_header() {
    const PickleDocument magic = next();
    const PickleValue& number = magic[magic.root];
    if (number.kind != Kind::kBigInt ||
        number.text != std::string(kLegacyMagic, sizeof(kLegacyMagic) - 1))
      fail("a pickle, but not a checkpoint of torch.save");
    const PickleDocument protocol = next();
    if (protocol[protocol.root].integer != kLegacyProtocol)
      fail("an unknown protocol of torch.save, " + std::to_string(protocol[protocol.root].integer));
    const PickleDocument system = next();
    const std::vector<PickleId>& info = system[system.root].items;
    for (std::size_t i = 0; i + 1 < info.size(); i += 2)
      if (system[info[i]].text == "little_endian" && system[info[i + 1]].integer == 0)
        fail("written by a big-endian machine; save it again on a little-endian one");
  }

  ByteView next_storage(std::size_t element_bytes) {
    if (bytes_.size() - at_ < sizeof(std::int64_t)) fail("the file is truncated");
    const auto count = load<std::int64_t>(bytes_.data() + at_);
    at_ += sizeof(std::int64_t);
    const std::size_t limit = (bytes_.size() - at_) / element_bytes;
    if (count < 0 || static_cast<std::uint64_t>(count) > limit) fail("the file is truncated");
    const ByteView storage = bytes_.subspan(at_, count * element_bytes);
    at_ += storage.size();
    return storage;
  }

  ByteView bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
};

}  // namespace

const char* torch_type_name(TorchType type) {
  switch (type) {
    case TorchType::kF64:
      return "float64";
    case TorchType::kF32:
      return "float32";
    case TorchType::kF16:
      return "float16";
    case TorchType::kBf16:
      return "bfloat16";
    case TorchType::kI64:
      return "int64";
    case TorchType::kI32:
      return "int32";
    case TorchType::kI16:
      return "int16";
    case TorchType::kI8:
      return "int8";
    case TorchType::kU8:
      return "uint8";
    case TorchType::kBool:
      return "bool";
  }
  return "?";
}

std::size_t torch_type_size(TorchType type) {
  switch (type) {
    case TorchType::kF64:
    case TorchType::kI64:
      return 8;
    case TorchType::kF32:
    case TorchType::kI32:
      return 4;
    case TorchType::kF16:
    case TorchType::kBf16:
    case TorchType::kI16:
      return 2;
    case TorchType::kI8:
    case TorchType::kU8:
    case TorchType::kBool:
      return 1;
  }
  return 1;
}

std::int64_t TorchTensor::n_elements() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape)
    count *= size;
  return count;
}

std::vector<float> TorchTensor::to_f32() const {
  std::vector<float> values(static_cast<std::size_t>(n_elements()));
  const std::size_t element = torch_type_size(type);
  std::vector<std::int64_t> index(shape.size(), 0);
  std::int64_t at = 0;
  for (float& value : values) {
    value = element_to_float(type, data.data() + at * element);
    for (std::size_t dim = shape.size(); dim-- > 0;) {  // the next index in row-major order
      at += strides[dim];
      if (++index[dim] < shape[dim]) break;
      at -= strides[dim] * shape[dim];
      index[dim] = 0;
    }
  }
  return values;
}

TorchFile::TorchFile(const fs::path& path) : path_(path), map_(std::make_shared<MappedFile>(path)) {
  const ByteView bytes = map_->bytes();
  const std::string file = path.string();
  if (bytes.size() >= 4 && std::memcmp(bytes.data(), kZipStart, 4) == 0)
    read_zip(bytes, file, &tensors_, &scalars_);
  else if (bytes[0] == kPickleStart)
    LegacyReader(bytes, file).read(&tensors_, &scalars_);
  else
    throw Error(ErrorKind::kModel,
                file + ": not a torch checkpoint (neither a zip archive nor a " + "pickle)");
}

const TorchTensor& TorchFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    throw Error(ErrorKind::kModel, path_.string() + ": tensor " + name + " is missing");
  return found->second;
}

}  // namespace pandagpt
