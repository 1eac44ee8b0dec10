#include "media/npy_format.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/what_is_this.h"
#include "media/byte_reader.h"
#include "media/npy.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxDimensions = 8;
constexpr std::size_t kMaxHeaderBytes = 64 << 10;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

struct NpyHeader {
  std::string type;  ///< as "<f4"
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;
};

struct BadHeader {};

/// {'descr': '<f4', 'fortran_order': False, 'shape': (480, 640), } and nothing else.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    expect('{');
    while (!take('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && header.type.empty()) {
        header.type = string();
      } else if (key == "fortran_order" && !header.fortran_order) {
        header.fortran_order = boolean();
      } else if (key == "shape" && !header.shape) {
        header.shape = tuple();
      } else {
        throw BadHeader();
      }
      if (!take(',') && peek() != '}') throw BadHeader();
    }
    if (peek() != '\0' || header.type.empty() || !header.fortran_order || !header.shape)
      throw BadHeader();
    return header;
  }

 private:
  char peek() {
    at_ = std::min(text_.find_first_not_of(" \n", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) throw BadHeader();
  }

  std::string_view string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') throw BadHeader();
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) throw BadHeader();
    const std::string_view found = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return found;
  }

  bool boolean() {
    peek();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      return value;
    }
    throw BadHeader();
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!take(')')) {
      peek();
      std::int64_t value = -1;
      const auto [end, code] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (code != std::errc() || value < 0 || values.size() == kMaxDimensions) throw BadHeader();
      values.push_back(value);
      at_ = static_cast<std::size_t>(end - text_.data());
      if (!take(',') && peek() != ')') throw BadHeader();
    }
    return values;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

double half_to_double(std::uint16_t half) {
  constexpr int kMantissaBits = 10;
  constexpr int kBias = 15;
  const int exponent = half >> kMantissaBits & 0x1F;
  const int mantissa = half & 0x3FF;
  double value;
  if (exponent == 0x1F) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, 1 - kBias - kMantissaBits);
  } else {
    value = std::ldexp(mantissa + (1 << kMantissaBits), exponent - kBias - kMantissaBits);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

template <typename T>
double number_from(std::uint64_t bits) {
  using Bits = std::conditional_t<
      sizeof(T) == 8, std::uint64_t,
      std::conditional_t<sizeof(T) == 4, std::uint32_t,
                         std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;
  return static_cast<double>(std::bit_cast<T>(static_cast<Bits>(bits)));
}

constexpr NpyType kTypes[] = {
    {"b1", 1, number_from<std::uint8_t>},
    {"u1", 1, number_from<std::uint8_t>},
    {"i1", 1, number_from<std::int8_t>},
    {"u2", 2, number_from<std::uint16_t>},
    {"i2", 2, number_from<std::int16_t>},
    {"u4", 4, number_from<std::uint32_t>},
    {"i4", 4, number_from<std::int32_t>},
    {"u8", 8, number_from<std::uint64_t>},
    {"i8", 8, number_from<std::int64_t>},
    {"f4", 4, number_from<float>},
    {"f8", 8, number_from<double>},
    {"f2", 2, [](std::uint64_t bits) { return half_to_double(static_cast<std::uint16_t>(bits)); }},
};

const NpyType& find_type(const std::string& descr, const std::string& name) {
  if (descr.size() == 3 && std::string_view("<>|=").find(descr[0]) != std::string_view::npos)
    for (const NpyType& type : kTypes)
      if (type.code == std::string_view(descr).substr(1)) return type;
  fail(name, "the array has the type \"" + descr +
                 "\"; save it as float32, or as integers, with numpy.save");
}

/// Throws if the values of `shape` take more than `n_bytes`, however large their number is.
void require_data(const std::vector<std::int64_t>& shape, std::size_t value_bytes,
                  std::uint64_t n_bytes, const std::string& name) {
  std::uint64_t room = n_bytes / value_bytes;
  if (std::ranges::find(shape, 0) != shape.end()) return;
  for (const std::int64_t length : shape)
    room /= static_cast<std::uint64_t>(length);
  if (room == 0)
    fail(name, "the header promises " + npy_shape_text(shape) +
                   " values, the file holds fewer; get a complete copy of it");
}

struct NpyParts {
  std::string_view header;
  ByteView data;
};

NpyParts split(ByteView bytes, const std::string& name) {
  const ByteReader file(bytes);
  if (!is_npy(bytes))
    fail(name, "not an .npy file" + but_it_is(what_is_this(bytes), "; write it with numpy.save"));
  const int version = file.u8(6);
  if (version < 1 || version > 3)
    fail(name, "version " + std::to_string(version) + " of .npy is not known; save it again");
  const std::size_t begin = version == 1 ? 10 : 12;
  const std::size_t length = version == 1 ? file.u16(8) : file.u32(8);
  if (length > kMaxHeaderBytes) throw BadHeader();
  const ByteView header = file.view(begin, length);
  return {{reinterpret_cast<const char*>(header.data()), header.size()},
          bytes.subspan(begin + length)};
}

}  // namespace

bool is_npy(ByteView bytes) {
  return ByteReader(bytes).matches(0, kMagic);
}

std::string npy_shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

NpyData open_npy(ByteView bytes, const std::string& name) try {
  const NpyParts parts = split(bytes, name);
  NpyHeader header = HeaderParser(parts.header).parse();
  const NpyType& type = find_type(header.type, name);
  require_data(*header.shape, type.bytes, parts.data.size(), name);
  return {.shape = *std::move(header.shape),
          .type = &type,
          .is_big_endian = header.type[0] == '>',
          .is_fortran_order = *header.fortran_order,
          .bytes = parts.data};
} catch (const OutOfBytes&) {
  fail(name, "the .npy file is truncated; get a complete copy of it");
} catch (const BadHeader&) {
  fail(name, "the header of the .npy file is damaged; save it again with numpy.save");
}

}  // namespace pandagpt
