#include "media/devices/gpmf.h"

#include "media/logs/cursor.h"

namespace pandagpt {
namespace {

constexpr std::size_t kAlignment = 4;

std::size_t bytes_of(char type) {
  switch (type) {
    case 'b':
    case 'B':
      return 1;
    case 's':
    case 'S':
      return 2;
    case 'l':
    case 'L':
    case 'f':
      return 4;
    case 'j':
    case 'J':
    case 'd':
      return 8;
    default:
      throw OutOfBytes();
  }
}

double number(Cursor& cursor, char type) {
  switch (type) {
    case 'b':
      return static_cast<std::int8_t>(cursor.u8());
    case 'B':
      return cursor.u8();
    case 's':
      return static_cast<std::int16_t>(cursor.u16());
    case 'S':
      return cursor.u16();
    case 'l':
      return static_cast<std::int32_t>(cursor.u32());
    case 'L':
      return cursor.u32();
    case 'f':
      return cursor.f32();
    case 'j':
      return static_cast<double>(static_cast<std::int64_t>(cursor.u64()));
    case 'J':
      return static_cast<double>(cursor.u64());
    case 'd':
      return cursor.f64();
    default:
      throw OutOfBytes();
  }
}

}  // namespace

std::vector<GpmfItem> read_gpmf_items(ByteView bytes) {
  std::vector<GpmfItem> items;
  Cursor cursor(bytes, /*big_endian=*/true);
  while (cursor.left() >= 8) {
    GpmfItem item;
    item.key = cursor.text(4);
    if (item.key.front() == '\0') break;  // padding
    item.type = static_cast<char>(cursor.u8());
    item.size = cursor.u8();
    item.count = cursor.u16();
    item.data = cursor.take(std::uint64_t{item.size} * item.count);
    const std::size_t padding = (kAlignment - item.data.size() % kAlignment) % kAlignment;
    cursor.skip(std::min(padding, cursor.left()));
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<double> gpmf_numbers(const GpmfItem& item) {
  const std::size_t n_values = item.data.size() / bytes_of(item.type);
  Cursor cursor(item.data, /*big_endian=*/true);
  std::vector<double> values;
  values.reserve(n_values);
  for (std::size_t i = 0; i < n_values; ++i)
    values.push_back(number(cursor, item.type));
  return values;
}

std::string gpmf_text(const GpmfItem& item) {
  std::string text(item.data.begin(), item.data.end());
  return text.substr(0, text.find('\0'));
}

}  // namespace pandagpt
