#include "convert/torch_reader.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <unordered_map>

#include "convert/pickle.h"
#include "core/zip_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
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
  ElementType type;
};
constexpr TypeName kStorageTypes[] = {
    {"torch.DoubleStorage", ElementType::kF64}, {"torch.FloatStorage", ElementType::kF32},
    {"torch.HalfStorage", ElementType::kF16},   {"torch.BFloat16Storage", ElementType::kBf16},
    {"torch.LongStorage", ElementType::kI64},   {"torch.IntStorage", ElementType::kI32},
    {"torch.ShortStorage", ElementType::kI16},  {"torch.CharStorage", ElementType::kI8},
    {"torch.ByteStorage", ElementType::kU8},    {"torch.BoolStorage", ElementType::kBool},
};

std::optional<ElementType> storage_type(const std::string& name) {
  for (const TypeName& known : kStorageTypes)
    if (name == known.storage) return known.type;
  return std::nullopt;
}

/// Turns a pickled object into tables of tensors and scalars.
class Collector {
 public:
  using StorageLookup = std::function<ByteView(const std::string& key)>;

  Collector(const PickleDocument& document, StorageLookup storage, TensorTable* table)
      : document_(document), storage_(std::move(storage)), table_(table) {}

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
        return table_->add(name_or_default(name), tensor(value, name));
      default:
        return table_->add_scalar(name_or_default(name), scalar_text(value));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel, table_->file() + ": " + what);
  }

  /// A file may hold a single tensor, without a dictionary that names it.
  static std::string name_or_default(const std::string& name) {
    return name.empty() ? "tensor" : name;
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

  SourceTensor tensor(const PickleValue& value, const std::string& name) const {
    const PickleValue& storage = document_[value.items[0]];
    const std::optional<ElementType> type = storage_type(document_[storage.items[0]].text);
    if (!type) fail("tensor " + name + " has an unknown type");
    SourceTensor tensor;
    tensor.type = *type;
    tensor.shape = sizes(value.items[2], name);
    tensor.strides = sizes(value.items[3], name);
    if (tensor.strides.size() != tensor.shape.size())
      fail("tensor " + name + " has a size and a stride of different lengths");
    const ByteView bytes = storage_(storage.text);
    const std::uint64_t available = bytes.size() / element_type_size(*type);
    if (storage.integer < 0 || static_cast<std::uint64_t>(storage.integer) > available)
      fail("the storage of tensor " + name + " is truncated");
    set_data(&tensor, document_[value.items[1]].integer, storage.integer, bytes, name);
    return tensor;
  }

  /// Cuts the tensor's part out of its storage of `limit` elements.
  void set_data(SourceTensor* tensor, std::int64_t offset, std::int64_t limit, ByteView bytes,
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
    const std::size_t element = element_type_size(tensor->type);
    tensor->data = bytes.subspan(offset * element, used * element);
  }

  const PickleDocument& document_;
  StorageLookup storage_;
  TensorTable* table_;
  std::size_t n_visited_ = 0;
};

template <typename T>
T load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

/// The zip container: NAME/data.pkl and NAME/data/KEY.
void read_zip(ByteView bytes, TensorTable* table) {
  const std::string& file = table->file();
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
      throw Error(ErrorKind::kModel,
                  file + ": written by a big-endian machine; save it again on a little-endian one");
  const PickleDocument document = read_pickle(*pickle, 0, file);
  Collector(
      document,
      [&](const std::string& key) {
        const auto found = members.find(prefix + "data/" + key);
        if (found == members.end())
          throw Error(ErrorKind::kModel, file + ": the storage " + key + " is missing");
        return found->second;
      },
      table)
      .collect(document.root, "");
}

/// The legacy container: four pickles, a pickled list of storage keys, then the storages in that
/// order, each with its number of elements before it.
class LegacyReader {
 public:
  LegacyReader(ByteView bytes, TensorTable* table)
      : bytes_(bytes), table_(table), file_(table->file()) {}

  void read() {
    check_header();
    const PickleDocument document = next();
    const PickleDocument keys = next();
    std::unordered_map<std::string, ElementType> types;
    for (const PickleValue& value : document.values) {
      if (value.kind != Kind::kStorage) continue;
      const std::optional<ElementType> type = storage_type(document[value.items[0]].text);
      if (!type || types.emplace(value.text, *type).first->second != *type)
        fail("the storage " + value.text + " has an unknown type");
    }
    std::unordered_map<std::string, ByteView> storages;
    for (const PickleId id : keys[keys.root].items) {
      const auto type = types.find(keys[id].text);
      if (type == types.end()) fail("has a storage without a tensor");
      storages[keys[id].text] = next_storage(element_type_size(type->second));
    }
    Collector(
        document,
        [&](const std::string& key) {
          const auto found = storages.find(key);
          if (found == storages.end()) fail("the storage " + key + " is missing");
          return found->second;
        },
        table_)
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
  TensorTable* table_;
  const std::string& file_;
  std::size_t at_ = 0;
};

bool is_zip(ByteView bytes) {
  constexpr std::size_t kLength = sizeof(kZipStart) - 1;
  return bytes.size() >= kLength && std::memcmp(bytes.data(), kZipStart, kLength) == 0;
}

}  // namespace

bool is_torch_checkpoint(ByteView bytes) {
  return is_zip(bytes) || (!bytes.empty() && bytes[0] == kPickleStart);
}

void read_torch_checkpoint(ByteView bytes, TensorTable* table) {
  if (is_zip(bytes))
    read_zip(bytes, table);
  else
    LegacyReader(bytes, table).read();
}

}  // namespace pandagpt
