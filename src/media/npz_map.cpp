// NPZ: a zip archive of .npy files, as numpy.savez() writes it.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/ascii.h"
#include "core/zip_reader.h"
#include "media/byte_reader.h"
#include "media/npy.h"
#include "media/npy_format.h"
#include "media/scalar_map.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kEnding = ".npy";
constexpr std::string_view kDepth = "depth";

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

struct Array {
  std::string name;
  Bytes file;
};

/// Whether it has two dimensions of more than one number.
bool is_map_like(ByteView file, const std::string& name) {
  const NpyData data = open_npy(file, name);
  return std::ranges::count_if(data.shape, [](std::int64_t length) { return length > 1; }) >= 2;
}

/// The arrays that may be a map; others (a focal length) are passed over.
std::vector<Array> arrays_of(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  const std::uint64_t most = std::min(limits.max_file_bytes, kMaxNpyBytes);
  std::vector<Array> arrays;
  std::uint64_t total = 0;
  for (const auto& [path, member] : read_zip_table(bytes, name, ErrorKind::kInput)) {
    if (!path.ends_with(kEnding)) continue;
    const std::string array = path.substr(0, path.size() - kEnding.size());
    Bytes file =
        unpack(member, most - std::min(most, total), name + "#" + array, ErrorKind::kInput);
    total += file.size();
    if (is_map_like(file, name + "#" + array)) arrays.push_back({array, std::move(file)});
  }
  return arrays;
}

}  // namespace

bool is_npz(ByteView bytes) {
  // The local header of the first member: its name begins at 30, the length of the name at 26.
  constexpr std::size_t kLengthAt = 26, kNameAt = 30;
  const ByteReader file(bytes);
  if (!file.matches(0, "PK\x03\x04") || bytes.size() < kNameAt) return false;
  const std::size_t length = file.u16(kLengthAt);
  return length > kEnding.size() && file.matches(kNameAt + length - kEnding.size(), kEnding);
}

ScalarMap decode_npz_map(ByteView bytes, const std::string& name, const ImageLimits& limits) {
  std::vector<Array> arrays = arrays_of(bytes, name, limits);
  if (arrays.empty())
    fail(name, "the NPZ file has no array of two dimensions; save one of (height, width)");
  auto chosen = std::ranges::find_if(
      arrays, [](const Array& one) { return ascii_lower(one.name) == kDepth; });
  if (chosen == arrays.end() && arrays.size() > 1) {
    std::string names;
    for (const Array& one : arrays)
      names += (names.empty() ? "" : ", ") + one.name;
    fail(name, "the NPZ file has " + std::to_string(arrays.size()) + " arrays (" + names +
                   ") and none is named \"depth\"; save one array of measurements");
  }
  if (chosen == arrays.end()) chosen = arrays.begin();
  ScalarMap map = decode_scalar_map(chosen->file, name + "#" + chosen->name, limits);
  map.label = chosen->name;
  map.report.format = "NPZ";
  map.report.add("array", chosen->name);
  return map;
}

}  // namespace pandagpt
