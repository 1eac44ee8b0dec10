#include "core/zip_reader.h"

#include <algorithm>
#include <cstdint>

#include "core/inflate.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// APPNOTE.TXT 6.3.10: signatures, and the sizes of the fixed parts of the records.
constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kCentralHeader = 0x02014b50;
constexpr std::uint32_t kEndRecord = 0x06054b50;
constexpr std::uint32_t kZip64EndRecord = 0x06064b50;
constexpr std::uint32_t kZip64Locator = 0x07064b50;
constexpr std::size_t kLocalHeaderBytes = 30;
constexpr std::size_t kCentralHeaderBytes = 46;
constexpr std::size_t kEndRecordBytes = 22;
constexpr std::size_t kZip64LocatorBytes = 20;
constexpr std::size_t kMaxCommentBytes = 65535;
constexpr std::uint16_t kZip64ExtraField = 1;
constexpr std::uint16_t kDeflated = 8;           // compression method
constexpr std::uint32_t kSeeZip64 = 0xffffffff;  // the real value stands in the zip64 part

class ZipTable {
 public:
  ZipTable(ByteView bytes, const std::string& file, ErrorKind kind)
      : bytes_(bytes), file_(file), kind_(kind) {}

  std::map<std::string, ZipMember> read() {
    const std::size_t end = find_end_record();
    std::uint64_t count = u16(end + 10);
    std::uint64_t at = u32(end + 16);
    if (count == 0xffff || at == kSeeZip64) read_zip64_end(end, &count, &at);
    std::map<std::string, ZipMember> members;
    for (std::uint64_t i = 0; i < count; ++i)
      at = read_member(at, &members);
    return members;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(kind_, file_ + ": " + what); }

  std::uint64_t number(std::uint64_t at, std::size_t n_bytes) const {
    if (at > bytes_.size() || n_bytes > bytes_.size() - at)
      fail("the zip archive is damaged or truncated");
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < n_bytes; ++i)
      value |= std::uint64_t{bytes_[at + i]} << (8 * i);
    return value;
  }
  std::uint16_t u16(std::uint64_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
  std::uint32_t u32(std::uint64_t at) const { return static_cast<std::uint32_t>(number(at, 4)); }
  std::uint64_t u64(std::uint64_t at) const { return number(at, 8); }

  std::size_t find_end_record() const {
    if (bytes_.size() >= kEndRecordBytes) {
      const std::size_t last = bytes_.size() - kEndRecordBytes;
      const std::size_t first = last - std::min(last, kMaxCommentBytes);
      for (std::size_t at = last + 1; at-- > first;)
        if (u32(at) == kEndRecord) return at;
    }
    fail("the zip archive has no end record: the file is truncated; fetch it again");
  }

  void read_zip64_end(std::size_t end, std::uint64_t* count, std::uint64_t* at) const {
    if (end < kZip64LocatorBytes || u32(end - kZip64LocatorBytes) != kZip64Locator) return;
    const std::uint64_t record = u64(end - kZip64LocatorBytes + 8);
    if (u32(record) != kZip64EndRecord) fail("the zip archive's zip64 record is damaged");
    *count = u64(record + 32);
    *at = u64(record + 48);
  }

  /// Reads the central header at `at` into the table; returns where the next one begins.
  std::uint64_t read_member(std::uint64_t at, std::map<std::string, ZipMember>* members) const {
    if (u32(at) != kCentralHeader) fail("the zip archive's table of contents is damaged");
    std::uint64_t packed = u32(at + 20);
    std::uint64_t size = u32(at + 24);
    std::uint64_t local = u32(at + 42);
    const std::uint64_t name_at = at + kCentralHeaderBytes;
    const std::uint64_t extra_at = name_at + u16(at + 28);
    const std::uint64_t comment_at = extra_at + u16(at + 30);
    const std::uint64_t next = comment_at + u16(at + 32);
    if (next > bytes_.size()) fail("the zip archive's table of contents is damaged");
    read_zip64_extra(extra_at, comment_at, &size, &packed, &local);
    const std::string name(bytes_.begin() + name_at, bytes_.begin() + extra_at);
    if (u32(local) != kLocalHeader) fail("the zip archive's member " + name + " is damaged");
    const std::uint64_t data = local + kLocalHeaderBytes + u16(local + 26) + u16(local + 28);
    if (data > bytes_.size() || packed > bytes_.size() - data)
      fail("the zip archive's member " + name + " is truncated");
    const ZipMember member{.data = bytes_.subspan(data, packed),
                           .size = size,
                           .method = u16(at + 10),
                           .encrypted = (u16(at + 8) & 1) != 0};
    if (!members->emplace(name, member).second)
      fail("the zip archive has two members called " + name);
    return next;
  }

  /// The zip64 field holds those of the three values, in this order, that did not fit 32 bits.
  void read_zip64_extra(std::uint64_t at, std::uint64_t end, std::uint64_t* size,
                        std::uint64_t* packed, std::uint64_t* local) const {
    while (at + 4 <= end) {
      const std::uint64_t body = at + 4;
      const std::uint64_t body_end = body + u16(at + 2);
      if (u16(at) == kZip64ExtraField) {
        std::uint64_t field = body;
        for (std::uint64_t* value : {size, packed, local}) {
          if (*value != kSeeZip64 || field + 8 > body_end) continue;
          *value = u64(field);
          field += 8;
        }
        return;
      }
      at = body_end;
    }
  }

  ByteView bytes_;
  const std::string& file_;
  ErrorKind kind_;
};

}  // namespace

std::map<std::string, ZipMember> read_zip_table(ByteView bytes, const std::string& file,
                                                ErrorKind kind) {
  return ZipTable(bytes, file, kind).read();
}

std::map<std::string, ByteView> read_stored_zip(ByteView bytes, const std::string& file) {
  std::map<std::string, ByteView> stored;
  for (const auto& [name, member] : read_zip_table(bytes, file)) {
    if (!member.is_stored())
      throw Error(ErrorKind::kModel, file + ": member " + name + " is compressed or encrypted; " +
                                         "torch.save stores members as they are");
    stored.emplace(name, member.data);
  }
  return stored;
}

Bytes unpack(const ZipMember& member, std::uint64_t max_bytes, const std::string& file,
             ErrorKind kind) {
  const auto fail = [&](const std::string& what) { throw Error(kind, file + ": " + what); };
  if (member.encrypted) fail("is encrypted");
  if (member.size > max_bytes) fail("larger than the limit of " + std::to_string(max_bytes));
  if (member.is_stored()) return {member.data.begin(), member.data.end()};
  if (member.method != kDeflated) fail("is packed by a method other than deflate");
  Bytes unpacked = inflate_bytes(member.data, Deflated::kRaw, max_bytes, file, kind);
  if (unpacked.size() != member.size) fail("unpacks to another size than the archive says");
  return unpacked;
}

}  // namespace pandagpt
