// A pickle machine for plain data, which can't run anything.
//
// Pickles are small programs; Python's own reader calls whatever function they name. This one knows
// dictionaries, lists, tuples, numbers, strings and torch's tensors, and refuses the rest by name.
// Opcodes: Python's Lib/pickletools.py; protocols 2 to 5, the binary ones that torch writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"

namespace pandagpt {

using PickleId = std::uint32_t;  ///< index of a value in its document

/// One value. Which fields count depends on the kind.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,     ///< integer
    kInt,      ///< integer
    kBigInt,   ///< text: the little-endian bytes of a number beyond 64 bits
    kFloat,    ///< number
    kString,   ///< text
    kList,     ///< items
    kTuple,    ///< items
    kDict,     ///< items: key, value, key, value, ...
    kGlobal,   ///< text: "module.name", one of those known
    kStorage,  ///< text: key; integer: elements; items: its type (kGlobal)
    kTensor,   ///< items: storage, offset, size, stride
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;
  std::vector<PickleId> items;
};

/// A finished pickle. Values refer to each other by index, so that deep or circular structures need
/// no recursion to be destroyed.
struct PickleDocument {
  std::vector<PickleValue> values;
  PickleId root = 0;
  std::size_t end = 0;  ///< offset behind the pickle

  const PickleValue& operator[](PickleId id) const { return values[id]; }
};

/// Runs the pickle that starts at `begin`. `file` is for messages.
/// Throws Error(kModel) if it is damaged, truncated, too large or not plain data.
PickleDocument read_pickle(ByteView bytes, std::size_t begin, const std::string& file);

/// "dictionary", for messages.
const char* pickle_kind_name(PickleValue::Kind kind);

}  // namespace pandagpt
