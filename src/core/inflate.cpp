#include "core/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kBlockBytes = 1 << 18;

// zlib.h, inflateInit2: a negative window means raw data, 16 more than a window means gzip.
constexpr int kRawWindow = -MAX_WBITS;
constexpr int kGzipWindow = MAX_WBITS + 16;

class Inflater {
 public:
  explicit Inflater(Deflated format) {
    if (inflateInit2(&stream_, format == Deflated::kRaw ? kRawWindow : kGzipWindow) != Z_OK)
      throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

}  // namespace

Bytes inflate_bytes(ByteView packed, Deflated format, std::uint64_t max_bytes,
                    const std::string& file, ErrorKind kind) {
  const auto fail = [&](const std::string& what) { throw Error(kind, file + ": " + what); };
  if (packed.size() > std::numeric_limits<uInt>::max()) fail("too large to be unpacked");
  Inflater inflater(format);
  z_stream& stream = inflater.stream();
  stream.next_in = const_cast<Bytef*>(packed.data());  // zlib does not write there
  stream.avail_in = static_cast<uInt>(packed.size());
  Bytes unpacked;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    const std::size_t before = unpacked.size();
    unpacked.resize(before + kBlockBytes);
    stream.next_out = unpacked.data() + before;
    stream.avail_out = kBlockBytes;
    status = inflate(&stream, Z_NO_FLUSH);
    unpacked.resize(unpacked.size() - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END)
      fail("the compressed data is damaged or truncated; fetch it again");
    if (unpacked.size() > max_bytes)
      fail("unpacks to more than " + std::to_string(max_bytes >> 20) + " MiB");
  }
  return unpacked;
}

}  // namespace pandagpt
