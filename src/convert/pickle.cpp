#include "convert/pickle.h"

#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Kind = PickleValue::Kind;

// Far above what a checkpoint with 10,000 tensors takes (about 40 values a tensor).
constexpr std::size_t kMaxValues = 8'000'000;
constexpr std::size_t kMaxItems = 32'000'000;  // references held by all lists, tuples and dicts

constexpr std::array<std::string_view, 14> kKnownGlobals = {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.Size",
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
};

/// A name as it may stand in a message: printable and not too long.
std::string printable(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 100))
    text += c >= 0x20 && c < 0x7f ? c : '?';
  return text;
}

class Machine {
 public:
  Machine(ByteView bytes, std::size_t begin, const std::string& file)
      : bytes_(bytes), at_(begin), file_(file) {}

  PickleDocument run() {
    while (!stopped_)
      step(read_u8());
    document_.root = pop();
    document_.end = at_;
    return std::move(document_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel,
                file_ + ": " + what + " (pickle, byte " + std::to_string(at_) + ")");
  }
  [[noreturn]] void refuse(const std::string& name) const {
    fail("refuses to run " + name + ": this file is not a plain checkpoint; save only the " +
         "state dict of tensors");
  }

  // --- reading -------------------------------------------------------------------------------
  ByteView read(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("the file is truncated");
    const ByteView part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }
  std::uint8_t read_u8() { return read(1)[0]; }
  std::uint64_t read_uint(int n_bytes) {
    std::uint64_t value = 0;
    const ByteView part = read(n_bytes);
    for (int i = 0; i < n_bytes; ++i)
      value |= std::uint64_t{part[i]} << (8 * i);
    return value;
  }
  std::string read_text(std::uint64_t count) {
    const ByteView part = read(count);
    return {part.begin(), part.end()};
  }
  std::string read_line() {
    std::string line;
    for (char c = static_cast<char>(read_u8()); c != '\n'; c = static_cast<char>(read_u8()))
      line += c;
    return line;
  }

  // --- values and stack ----------------------------------------------------------------------
  PickleId add(PickleValue value) {
    if (document_.values.size() >= kMaxValues) fail("holds too many values");
    count_items(value.items.size());
    document_.values.push_back(std::move(value));
    return static_cast<PickleId>(document_.values.size() - 1);
  }
  void count_items(std::size_t count) {
    n_items_ += count;
    if (n_items_ > kMaxItems) fail("holds too many values");
  }
  void push(PickleId id) {
    if (stack_.size() >= kMaxValues) fail("holds too many values");
    stack_.push_back(id);
  }
  void push_value(PickleValue value) { push(add(std::move(value))); }
  void push_integer(Kind kind, std::int64_t integer) {
    push_value({.kind = kind, .integer = integer, .text = {}, .items = {}});
  }
  void push_text(Kind kind, std::string text) {
    push_value({.kind = kind, .text = std::move(text), .items = {}});
  }
  void push_items(Kind kind, std::vector<PickleId> items) {
    push_value({.kind = kind, .text = {}, .items = std::move(items)});
  }
  PickleValue& value(PickleId id) { return document_.values[id]; }
  PickleId top() {
    if (stack_.size() <= floor()) fail("is damaged: its stack is empty");
    return stack_.back();
  }
  PickleId pop() {
    const PickleId id = top();
    stack_.pop_back();
    return id;
  }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  std::vector<PickleId> pop_to_mark() {
    if (marks_.empty()) fail("is damaged: a mark is missing");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleId> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleId> pop_many(int count) {
    std::vector<PickleId> items(count);
    for (int i = count - 1; i >= 0; --i)
      items[i] = pop();
    return items;
  }
  PickleId top_of_kind(Kind kind) {
    const PickleId id = top();
    if (value(id).kind != kind) fail(std::string("is damaged: not a ") + pickle_kind_name(kind));
    return id;
  }
  void append(Kind kind, const std::vector<PickleId>& items) {
    if (kind == Kind::kDict && items.size() % 2 != 0) fail("is damaged: a key without a value");
    count_items(items.size());
    std::vector<PickleId>& target = value(top_of_kind(kind)).items;
    target.insert(target.end(), items.begin(), items.end());
  }

  void put(std::uint64_t index) {
    if (memo_.size() >= kMaxValues) fail("holds too many values");
    memo_[index] = top();
  }
  void get(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail("is damaged: refers to a value that does not exist");
    push(found->second);
  }

  // --- opcodes -------------------------------------------------------------------------------
  void step(std::uint8_t op) {
    if (!(step_scalar(op) || step_container(op) || step_object(op)))
      fail("has an unknown instruction, " + std::to_string(op));
  }

  bool step_scalar(std::uint8_t op) {
    switch (op) {
      case 'N':
        push_value({});
        return true;
      case 0x88:
        push_integer(Kind::kBool, 1);
        return true;
      case 0x89:
        push_integer(Kind::kBool, 0);
        return true;
      case 'K':
        push_integer(Kind::kInt, static_cast<std::int64_t>(read_uint(1)));
        return true;
      case 'M':
        push_integer(Kind::kInt, static_cast<std::int64_t>(read_uint(2)));
        return true;
      case 'J':
        push_integer(Kind::kInt, static_cast<std::int32_t>(read_uint(4)));
        return true;
      case 0x8a:
        push_long(read_text(read_uint(1)));
        return true;
      case 0x8b:
        push_long(read_text(read_uint(4)));
        return true;
      case 'G':
        push_float();
        return true;
      case 'U':
      case 'C':
      case 0x8c:
        push_text(Kind::kString, read_text(read_uint(1)));
        return true;
      case 'T':
      case 'B':
      case 'X':
        push_text(Kind::kString, read_text(read_uint(4)));
        return true;
      case 0x8d:
      case 0x8e:
        push_text(Kind::kString, read_text(read_uint(8)));
        return true;
      default:
        return false;
    }
  }

  bool step_container(std::uint8_t op) {
    switch (op) {
      case '(':
        marks_.push_back(stack_.size());
        check_marks();
        return true;
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case '2':
        push(top());
        return true;
      case ']':
        push_items(Kind::kList, {});
        return true;
      case 'l':
        push_items(Kind::kList, pop_to_mark());
        return true;
      case 'a':
        append(Kind::kList, pop_many(1));
        return true;
      case 'e':
        append(Kind::kList, pop_to_mark());
        return true;
      case ')':
        push_items(Kind::kTuple, {});
        return true;
      case 't':
        push_items(Kind::kTuple, pop_to_mark());
        return true;
      case 0x85:
        push_items(Kind::kTuple, pop_many(1));
        return true;
      case 0x86:
        push_items(Kind::kTuple, pop_many(2));
        return true;
      case 0x87:
        push_items(Kind::kTuple, pop_many(3));
        return true;
      case '}':
        push_items(Kind::kDict, {});
        return true;
      case 'd':
        push_items(Kind::kDict, {});
        swap_in_dict();
        return true;
      case 's':
        append(Kind::kDict, pop_many(2));
        return true;
      case 'u':
        append(Kind::kDict, pop_to_mark());
        return true;
      case 'q':
        put(read_uint(1));
        return true;
      case 'r':
        put(read_uint(4));
        return true;
      case 0x94:
        put(memo_.size());
        return true;
      case 'h':
        get(read_uint(1));
        return true;
      case 'j':
        get(read_uint(4));
        return true;
      default:
        return false;
    }
  }

  bool step_object(std::uint8_t op) {
    switch (op) {
      case 0x80:
        check_protocol(read_u8());
        return true;
      case 0x95:
        read_uint(8);
        return true;  // FRAME: a hint for buffered readers
      case '.':
        stopped_ = true;
        return true;
      case 'c': {
        const std::string module = read_line();
        push_global(module, read_line());
        return true;
      }
      case 0x93:
        push_stack_global();
        return true;
      case 'Q':
        push_storage();
        return true;
      case 'R':
        call();
        return true;
      case 'b':
        build();
        return true;
      case 'i': {
        const std::string module = read_line();
        refuse(printable(module + "." + read_line()));
      }
      case 'o':
      case 0x81:
      case 0x92:
        refuse("a class constructor");
      case 'P':
      case 'I':
      case 'L':
      case 'F':
      case 'S':
      case 'V':
      case 'p':
      case 'g':
        fail("is a text pickle (protocol 0), which torch.save does not write");
      default:
        return false;
    }
  }

  void check_protocol(int protocol) const {
    if (protocol < 2 || protocol > 5)
      fail("has the pickle protocol " + std::to_string(protocol) + ", not 2 to 5");
  }
  void check_marks() const {
    if (marks_.size() > kMaxValues) fail("holds too many values");
  }
  void push_long(const std::string& little_endian) {
    if (little_endian.size() > 8) return push_text(Kind::kBigInt, little_endian);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < little_endian.size(); ++i)
      bits |= std::uint64_t{static_cast<std::uint8_t>(little_endian[i])} << (8 * i);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(little_endian.size());
    if (unused < 64)
      bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(bits << unused) >> unused);
    push_integer(Kind::kInt, static_cast<std::int64_t>(bits));
  }
  void push_float() {  // the only big-endian number of the format
    std::uint64_t bits = 0;
    for (const std::uint8_t byte : read(8))
      bits = bits << 8 | byte;
    push_value(
        {.kind = Kind::kFloat, .number = std::bit_cast<double>(bits), .text = {}, .items = {}});
  }
  void swap_in_dict() {  // DICT: the mark lies below the empty dictionary just pushed
    const PickleId dict = pop();
    const std::vector<PickleId> items = pop_to_mark();
    push(dict);
    append(Kind::kDict, items);
  }

  void push_global(const std::string& module, const std::string& name) {
    const std::string full = module + "." + name;
    for (const std::string_view known : kKnownGlobals)
      if (full == known) return push_text(Kind::kGlobal, full);
    refuse(printable(full));
  }
  void push_stack_global() {
    const PickleId name = top_of_kind(Kind::kString);
    pop();
    const PickleId module = top_of_kind(Kind::kString);
    pop();
    push_global(value(module).text, value(name).text);
  }

  /// BINPERSID: ("storage", type, key, device, number of elements[, view]).
  void push_storage() {
    const std::vector<PickleId> id = value(top_of_kind(Kind::kTuple)).items;
    pop();
    if (id.size() < 5 || value(id[0]).text != "storage" || value(id[1]).kind != Kind::kGlobal ||
        value(id[2]).kind != Kind::kString || value(id[4]).kind != Kind::kInt)
      fail("refers to an object outside of the pickle that is not a tensor's storage");
    if (id.size() > 5 && value(id[5]).kind != Kind::kNone)
      fail("has views of storages, as torch before 0.4 wrote; save it again with a newer torch");
    push_value({.kind = Kind::kStorage,
                .integer = value(id[4]).integer,
                .text = value(id[2]).text,
                .items = {id[1]}});
  }

  void call() {
    const PickleId arguments = top_of_kind(Kind::kTuple);
    pop();
    const PickleId function = top();
    if (value(function).kind != Kind::kGlobal)
      refuse(std::string("a ") + pickle_kind_name(value(function).kind));
    pop();
    const std::string& name = value(function).text;
    const std::vector<PickleId> items = value(arguments).items;
    if (name == "collections.OrderedDict") return push_ordered_dict(items);
    if (name == "torch.Size" && items.size() == 1)
      return push_items(Kind::kTuple, value(items[0]).items);
    if (name == "torch._utils._rebuild_tensor_v2") return push_tensor(items);
    if (name == "torch._utils._rebuild_parameter" && !items.empty() &&
        value(items[0]).kind == Kind::kTensor)
      return push(items[0]);
    refuse(name);
  }

  void push_ordered_dict(const std::vector<PickleId>& arguments) {
    std::vector<PickleId> items;
    if (!arguments.empty()) {
      for (const PickleId pair : value(arguments[0]).items) {
        if (value(pair).items.size() != 2) fail("is damaged: a key without a value");
        items.insert(items.end(), value(pair).items.begin(), value(pair).items.end());
      }
    }
    push_items(Kind::kDict, items);
  }

  void push_tensor(const std::vector<PickleId>& arguments) {
    if (arguments.size() < 4 || value(arguments[0]).kind != Kind::kStorage ||
        value(arguments[1]).kind != Kind::kInt || value(arguments[2]).kind != Kind::kTuple ||
        value(arguments[3]).kind != Kind::kTuple)
      fail("is damaged: a tensor without storage, offset, size and stride");
    push_items(Kind::kTensor, {arguments.begin(), arguments.begin() + 4});
  }

  /// Attributes of dictionaries (torch keeps module versions there) carry no weights.
  void build() {
    pop();
    const PickleId target = top();
    if (value(target).kind != Kind::kDict)
      refuse(std::string("__setstate__ of a ") + pickle_kind_name(value(target).kind));
  }

  ByteView bytes_;
  std::size_t at_;
  const std::string& file_;
  bool stopped_ = false;
  PickleDocument document_;
  std::size_t n_items_ = 0;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleId> memo_;
};

}  // namespace

PickleDocument read_pickle(ByteView bytes, std::size_t begin, const std::string& file) {
  if (begin > bytes.size()) throw Error(ErrorKind::kModel, file + ": the file is truncated");
  return Machine(bytes, begin, file).run();
}

const char* pickle_kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "boolean";
    case Kind::kInt:
    case Kind::kBigInt:
      return "integer";
    case Kind::kFloat:
      return "number";
    case Kind::kString:
      return "string";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dictionary";
    case Kind::kGlobal:
      return "class";
    case Kind::kStorage:
      return "storage";
    case Kind::kTensor:
      return "tensor";
  }
  return "value";
}

}  // namespace pandagpt
