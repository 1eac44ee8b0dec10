#include "preprocess/depth_reading.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/ascii.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

using Quantity = DepthReading::Quantity;
using Bits = DepthReading::Bits;

constexpr DepthReading kReadings[] = {
    {.encoding = DepthEncoding::kMillimetres,
     .what = "millimetres",
     .unit = 0.001,
     .end_is_hole = true},
    {.encoding = DepthEncoding::kMetres, .what = "metres"},
    {.encoding = DepthEncoding::kTum,
     .what = "TUM RGB-D's 1/5000 m",
     .unit = 1.0 / 5000,
     .sixteen_bits = true},
    {.encoding = DepthEncoding::kKitti,
     .what = "KITTI's 1/256 m",
     .unit = 1.0 / 256,
     .sixteen_bits = true},
    {.encoding = DepthEncoding::kVirtualKitti,
     .what = "Virtual KITTI's centimetres",
     .unit = 0.01,
     .sixteen_bits = true,
     .sky = kEndOfSixteenBits},
    {.encoding = DepthEncoding::kSunRgbd,
     .what = "SUN RGB-D's rotated millimetres",
     .unit = 0.001,
     .bits = Bits::kRotated,
     .sixteen_bits = true},
    {.encoding = DepthEncoding::kSevenScenes,
     .what = "7-Scenes' millimetres",
     .unit = 0.001,
     .sixteen_bits = true,
     .end_is_hole = true},
    {.encoding = DepthEncoding::kNyuRaw,
     .what = "NYU's raw Kinect numbers",
     .bits = Bits::kElevenSwapped,
     .sixteen_bits = true},
    {.encoding = DepthEncoding::kL515,
     .what = "RealSense L515's 0.25 mm",
     .unit = 0.00025,
     .sixteen_bits = true,
     .end_is_hole = true},
    {.encoding = DepthEncoding::kReplica,
     .what = "Replica's 1/6553.5 m",
     .unit = 1 / 6553.5,
     .sixteen_bits = true},
    {.encoding = DepthEncoding::kDisparity,
     .what = "disparity in pixels",
     .quantity = Quantity::kDisparity},
    {.encoding = DepthEncoding::kKittiDisparity,
     .what = "KITTI's disparity of 1/256 pixel",
     .quantity = Quantity::kDisparity,
     .unit = 1.0 / 256,
     .sixteen_bits = true},
    {.encoding = DepthEncoding::kInverse, .what = "1/m", .quantity = Quantity::kInverse},
    {.encoding = DepthEncoding::kRelativeInverse,
     .what = "relative inverse depth",
     .quantity = Quantity::kRelativeInverse},
};

// --- Names ---------------------------------------------------------------------------------------

/// Words of a name: runs of letters and digits, in lower case; a longer word that ends with digits
/// also without them ("disp0": "disp0", "disp").
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    constexpr std::size_t kLongEnough = 3;  // "m1" is no metre
    if (word.empty()) return;
    words.push_back(word);
    word.resize(word.find_last_not_of("0123456789") + 1);
    if (word.size() >= kLongEnough && word.size() < words.back().size()) words.push_back(word);
    word.clear();
  };
  for (const char c : ascii_lower(std::string(name))) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      word += c;
    else
      end_word();
  }
  end_word();
  return words;
}

/// The file's name with the three folders around it: "seq/disparity/000001.png".
std::string_view last_parts(std::string_view name) {
  constexpr int kParts = 4;
  std::size_t at = name.size();
  for (int i = 0; i < kParts && at != std::string_view::npos && at > 0; ++i)
    at = name.find_last_of("/\\", at - 1);
  return at == std::string_view::npos || at == 0 ? name : name.substr(at + 1);
}

struct NameWord {
  std::string_view word;
  DepthEncoding encoding;
  bool of_file_only = false;  ///< in the file's own name; a folder's may mean anything
  bool is_plain = false;
};

// In this order: "kitti_disparity", "vkitti/depth".
constexpr NameWord kNameWords[] = {
    {"mm", DepthEncoding::kMillimetres, true, true},
    {"millimetres", DepthEncoding::kMillimetres, true, true},
    {"millimeters", DepthEncoding::kMillimetres, true, true},
    {"m", DepthEncoding::kMetres, true, true},
    {"metres", DepthEncoding::kMetres, true, true},
    {"meters", DepthEncoding::kMetres, true, true},
    {"vkitti", DepthEncoding::kVirtualKitti},
    {"kitti", DepthEncoding::kKitti},
    {"sunrgbd", DepthEncoding::kSunRgbd},
    {"7scenes", DepthEncoding::kSevenScenes},
    {"sevenscenes", DepthEncoding::kSevenScenes},
    {"freiburg", DepthEncoding::kTum},
    {"tum", DepthEncoding::kTum, true},
    {"l515", DepthEncoding::kL515},
    {"replica", DepthEncoding::kReplica},
};
constexpr std::string_view kDisparityWords[] = {"disparity", "disparities", "disp"};
constexpr std::string_view kDistanceWords[] = {"z", "depth"};
constexpr std::string_view kInverseWords[] = {"inverse", "invdepth", "idepth", "inv"};

bool has_any(const std::vector<std::string>& words, std::span<const std::string_view> wanted) {
  return std::ranges::any_of(
      wanted, [&](std::string_view one) { return std::ranges::find(words, one) != words.end(); });
}

std::optional<DepthHint> hint_of_name(const std::string& name) {
  const std::string_view parts = last_parts(name);
  const std::size_t slash = parts.find_last_of("/\\");
  const std::string_view file = slash == std::string_view::npos ? parts : parts.substr(slash + 1);
  const std::size_t ending = file.rfind('.');
  const std::vector<std::string> own = words_of(file.substr(0, ending));
  const std::vector<std::string> all = words_of(parts.substr(0, parts.size() - file.size()));
  const auto has = [&](std::string_view word, bool of_file_only) {
    return has_any(own, {&word, 1}) || (!of_file_only && has_any(all, {&word, 1}));
  };
  std::optional<DepthHint> hint;
  for (const NameWord& one : kNameWords)
    if (!hint && has(one.word, one.of_file_only))
      hint = DepthHint{depth_reading(one.encoding), "by its name", one.is_plain};
  if (hint && hint->is_plain) return hint;
  if (has_any(own, kDisparityWords) || has_any(all, kDisparityWords)) {
    const bool kitti = hint && hint->reading.encoding == DepthEncoding::kKitti;
    return DepthHint{
        depth_reading(kitti ? DepthEncoding::kKittiDisparity : DepthEncoding::kDisparity),
        "by its name"};
  }
  if (has_any(own, kInverseWords) || has_any(all, kInverseWords))
    return DepthHint{depth_reading(DepthEncoding::kInverse), "by its name"};
  return hint;
}

/// The name of a channel or array.
std::optional<DepthHint> hint_of_label(const ScalarMap& map) {
  const std::vector<std::string> words = words_of(map.label);
  const std::string why = "by the name \"" + map.label + "\" in it";
  if (has_any(words, kDisparityWords))
    return DepthHint{depth_reading(DepthEncoding::kDisparity), why};
  if (has_any(words, kInverseWords)) return DepthHint{depth_reading(DepthEncoding::kInverse), why};
  // Renderers and metric estimators, in floats.
  if (!map.integer && has_any(words, kDistanceWords))
    return DepthHint{depth_reading(DepthEncoding::kMetres), why, true};
  return std::nullopt;
}

// --- Numbers -------------------------------------------------------------------------------------

/// How many of the numbers of 16 bits occur, and which.
class UsedNumbers {
 public:
  /// None are used if the map has others than whole ones from 0 to 65535.
  explicit UsedNumbers(const ScalarMap& map) {
    if (!map.integer) return;
    for (const float value : map.values)
      if (!(value >= 0 && value <= kEndOfSixteenBits)) return;
    counts_.resize(std::size_t{1} << 16);
    for (const float value : map.values)
      ++counts_[static_cast<std::size_t>(value)];
    n_distinct_ = std::ranges::count_if(counts_, [](std::uint32_t n) { return n > 0; });
  }

  bool are_known() const { return !counts_.empty(); }
  std::ptrdiff_t n_distinct() const { return n_distinct_; }
  /// Whether `holds` is true of each number that occurs, but for 0 and 65535.
  template <typename Condition>
  bool all(const Condition& holds) const {
    for (std::uint32_t number = 1; number + 1 < counts_.size(); ++number)
      if (counts_[number] > 0 && !holds(number)) return false;
    return true;
  }
  std::uint64_t count(std::uint32_t number) const { return counts_[number]; }
  template <typename Condition>
  std::uint64_t count_of(const Condition& holds) const {
    std::uint64_t count = 0;
    for (std::uint32_t number = 1; number + 1 < counts_.size(); ++number)
      if (holds(number)) count += counts_[number];
    return count;
  }
  std::uint32_t largest() const {
    std::uint32_t most = 0;
    for (std::uint32_t number = 0; number < counts_.size(); ++number)
      if (counts_[number] > 0) most = number;
    return most;
  }

 private:
  std::vector<std::uint32_t> counts_;
  std::ptrdiff_t n_distinct_ = 0;
};

constexpr std::ptrdiff_t kFewestTellingNumbers = 32;
constexpr std::ptrdiff_t kLevelsOfEightBits = 256;

/// Millimetres rotated left by three are multiples of eight up to 8.19 m, and one more beyond.
bool looks_rotated(const UsedNumbers& used) {
  const auto is_far = [](std::uint32_t number) { return (number & 7U) == 1; };
  const auto is_odd_step = [](std::uint32_t number) { return (number & 15U) == 8; };
  const std::uint64_t n = used.count_of([](std::uint32_t) { return true; });
  return used.n_distinct() >= kFewestTellingNumbers &&
         used.all([&](std::uint32_t number) { return (number & 7U) == 0 || is_far(number); }) &&
         used.count_of(is_odd_step) * 8 > n && used.count_of(is_far) * 2 < n;
}

/// The low byte is the high one of 11 bits.
bool looks_swapped(const UsedNumbers& used) {
  constexpr std::uint32_t kHighestByte = 7;  // of 2047
  const std::uint64_t n = used.count_of([](std::uint32_t) { return true; });
  const auto is_middle = [](std::uint32_t number) {
    return (number & 0xFFU) >= 1 && (number & 0xFFU) <= 4;  // 256 to 1279: 0.4 m to far
  };
  return used.n_distinct() >= kFewestTellingNumbers && used.largest() > 2047 &&
         used.all([](std::uint32_t number) { return (number & 0xFFU) <= kHighestByte; }) &&
         used.count_of(is_middle) * 4 > n;
}

std::optional<DepthHint> hint_of_numbers(const ScalarMap& map) {
  const UsedNumbers used(map);
  if (!used.are_known()) return std::nullopt;
  if (looks_swapped(used))
    return DepthHint{depth_reading(DepthEncoding::kNyuRaw), "by its numbers"};
  if (looks_rotated(used))
    return DepthHint{depth_reading(DepthEncoding::kSunRgbd), "by its numbers"};
  return std::nullopt;
}

}  // namespace

const DepthReading& depth_reading(DepthEncoding encoding) {
  for (const DepthReading& one : kReadings)
    if (one.encoding == encoding) return one;
  throw Error(ErrorKind::kInternal, "a depth encoding without a meaning");
}

std::optional<DepthHint> depth_hint(const ScalarMap& map, const std::string& name) {
  if (std::optional<DepthHint> hint = hint_of_numbers(map)) return hint;
  if (std::optional<DepthHint> hint = hint_of_label(map)) return hint;
  std::optional<DepthHint> hint = hint_of_name(name);
  if (!hint || !hint->reading.sixteen_bits || UsedNumbers(map).are_known()) return hint;
  // Floats in a folder of KITTI are a network's, in metres or pixels.
  if (hint->reading.quantity == Quantity::kDisparity)
    hint->reading = depth_reading(DepthEncoding::kDisparity);
  else
    hint.reset();
  return hint;
}

bool has_levels_of_eight_bits(const ScalarMap& map) {
  const UsedNumbers used(map);
  if (!used.are_known() || used.n_distinct() < kFewestTellingNumbers ||
      used.n_distinct() > kLevelsOfEightBits)
    return false;
  const auto are_multiples_of = [&](std::uint32_t step) {
    return used.all([step](std::uint32_t number) { return number % step == 0; });
  };
  return used.largest() < kLevelsOfEightBits || are_multiples_of(256) || are_multiples_of(257);
}

bool fills_sixteen_bits(const ScalarMap& map) {
  constexpr std::uint32_t kNearTheEnd = 65000;
  const UsedNumbers used(map);
  return used.are_known() && used.n_distinct() > kLevelsOfEightBits &&
         used.count_of([](std::uint32_t number) { return number >= kNearTheEnd; }) > 0;
}

}  // namespace pandagpt
