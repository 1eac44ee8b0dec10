#include "media/logs/unpack.h"

#ifdef PANDAGPT_HAVE_LZ4
#include <lz4frame.h>
#endif
#ifdef PANDAGPT_HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef PANDAGPT_HAVE_BZIP2
#include <bzlib.h>
#endif

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "core/time_limit.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kBlockBytes = 1 << 18;

/// What one step of a decompressor has done.
struct Step {
  std::size_t read = 0;
  std::size_t written = 0;
  bool is_end = false;
  bool is_damaged = false;
};

/// Calls `step(in, out)` until the end. Takes memory block by block.
template <typename Function>
Bytes unpack_in_steps(ByteView in, std::uint64_t size, const std::string& where, Function step) {
  const auto fail = [&] {
    throw Error(ErrorKind::kInput,
                where + " is damaged: it doesn't unpack; get a complete copy of the log");
  };
  Bytes out;
  for (bool is_end = false; !is_end;) {
    TimeLimit::check(where);
    const std::size_t before = out.size();
    out.resize(std::min<std::uint64_t>(before + std::max(before, kBlockBytes), size + 1));
    const Step done = step(in, std::span(out).subspan(before));
    out.resize(before + done.written);
    in = in.subspan(done.read);
    is_end = done.is_end;
    const bool is_stuck = !is_end && done.read == 0 && done.written == 0;
    if (done.is_damaged || is_stuck || out.size() > size) fail();
  }
  if (out.size() != size) fail();
  return out;
}

#ifdef PANDAGPT_HAVE_LZ4
Bytes unpack_lz4(ByteView packed, std::uint64_t size, const std::string& where) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION))) throw std::bad_alloc();
  const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> context(
      raw, LZ4F_freeDecompressionContext);
  return unpack_in_steps(packed, size, where, [&](ByteView in, std::span<std::uint8_t> out) {
    std::size_t read = in.size();
    std::size_t written = out.size();
    const std::size_t hint =
        LZ4F_decompress(context.get(), out.data(), &written, in.data(), &read, nullptr);
    return Step{read, written, hint == 0, LZ4F_isError(hint) != 0};
  });
}
#endif

#ifdef PANDAGPT_HAVE_ZSTD
Bytes unpack_zstd(ByteView packed, std::uint64_t size, const std::string& where) {
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                          ZSTD_freeDStream);
  if (!stream) throw std::bad_alloc();
  return unpack_in_steps(packed, size, where, [&](ByteView in, std::span<std::uint8_t> out) {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const std::size_t hint = ZSTD_decompressStream(stream.get(), &output, &input);
    return Step{input.pos, output.pos, hint == 0, ZSTD_isError(hint) != 0};
  });
}
#endif

#ifdef PANDAGPT_HAVE_BZIP2
Bytes unpack_bzip2(Bytes& packed, std::uint64_t size, const std::string& where) {
  bz_stream stream{};
  if (BZ2_bzDecompressInit(&stream, /*verbosity=*/0, /*small=*/0) != BZ_OK) throw std::bad_alloc();
  const std::unique_ptr<bz_stream, decltype(&BZ2_bzDecompressEnd)> owner(&stream,
                                                                         BZ2_bzDecompressEnd);
  return unpack_in_steps(packed, size, where, [&](ByteView in, std::span<std::uint8_t> out) {
    // The library's interface isn't const; it does not write there.
    stream.next_in = reinterpret_cast<char*>(const_cast<std::uint8_t*>(in.data()));
    stream.avail_in = static_cast<unsigned>(in.size());
    stream.next_out = reinterpret_cast<char*>(out.data());
    stream.avail_out = static_cast<unsigned>(out.size());
    const int code = BZ2_bzDecompress(&stream);
    return Step{in.size() - stream.avail_in, out.size() - stream.avail_out, code == BZ_STREAM_END,
                code != BZ_OK && code != BZ_STREAM_END};
  });
}
#endif

}  // namespace

Bytes unpack_chunk(Bytes packed, const std::string& method, std::uint64_t size,
                   const std::string& where) {
  const auto fail = [&](const std::string& why) -> Bytes {
    throw Error(ErrorKind::kInput, where + why);
  };
  if (size > kMaxChunkBytes || packed.size() > kMaxChunkBytes)
    return fail(" is larger than the limit of " + std::to_string(kMaxChunkBytes >> 20) +
                " MiB; write the log in smaller chunks");
  if (packed.empty() && size == 0) return packed;
  if (method.empty() || method == "none") {
    if (packed.size() != size)
      return fail(" is damaged: it has another size than it says; get a complete copy of the log");
    return packed;
  }
#ifdef PANDAGPT_HAVE_LZ4
  if (method == "lz4") return unpack_lz4(packed, size, where);
#endif
#ifdef PANDAGPT_HAVE_ZSTD
  if (method == "zstd") return unpack_zstd(packed, size, where);
#endif
#ifdef PANDAGPT_HAVE_BZIP2
  if (method == "bz2") return unpack_bzip2(packed, size, where);
#endif
  return fail(" is compressed by \"" + method +
              "\", which this build can't unpack; write the log without compression");
}

}  // namespace pandagpt
