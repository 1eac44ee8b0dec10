#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "pandagpt/error.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// Largest size of a file that this process may write, for as long as this lives: a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

class GgufWriterTest : public testing::Test {
 protected:
  std::string write_error(const GgufWriter& writer) {
    const Error error = test::error_of([&] { writer.write(folder_ / "f.gguf"); });
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
    EXPECT_TRUE(fs::is_empty(folder_.path())) << "something was left behind";
    return error.what();
  }

  test::TemporaryFolder folder_;
};

/// Hands over `bytes` in parts of `part`.
GgufWriter::TensorProducer in_parts(const Bytes& bytes, std::size_t part) {
  return [bytes, part](const GgufWriter::TensorSink& sink) {
    for (std::size_t at = 0; at < bytes.size(); at += part)
      sink(ByteView(bytes).subspan(at, std::min(part, bytes.size() - at)));
  };
}

TEST_F(GgufWriterTest, StreamedTensorsGiveTheSameFile) {
  const Bytes first(10 * 4, 1);
  const Bytes second(7 * 3 * 2, 2);
  GgufWriter copying;
  copying.add_tensor("a", GGML_TYPE_F32, {10}, first);
  copying.add_tensor("b", GGML_TYPE_F16, {7, 3}, second);
  copying.write(folder_ / "copied.gguf");
  GgufWriter streaming;
  streaming.add_streamed("a", GGML_TYPE_F32, {10}, in_parts(first, 3));
  streaming.add_streamed("b", GGML_TYPE_F16, {7, 3}, in_parts(second, 100));
  streaming.write(folder_ / "streamed.gguf");
  EXPECT_EQ(sha256_file(folder_ / "streamed.gguf"), sha256_file(folder_ / "copied.gguf"));
  EXPECT_EQ(streaming.file_size(), fs::file_size(folder_ / "streamed.gguf"));
}

TEST_F(GgufWriterTest, WrongSizesAreErrors) {
  for (const auto& [size, message] : {std::pair(39, "1 bytes are missing"), {41, "more bytes"}}) {
    GgufWriter writer;
    writer.add_streamed("a", GGML_TYPE_F32, {10}, in_parts(Bytes(size), 8));
    EXPECT_THAT(write_error(writer), HasSubstr(message));
  }
}

TEST_F(GgufWriterTest, FullDiskLeavesNothing) {
  constexpr std::int64_t kElements = 1 << 20;
  int parts = 0;
  GgufWriter writer;
  writer.add_streamed("a", GGML_TYPE_F32, {kElements}, [&](const GgufWriter::TensorSink& sink) {
    const Bytes part(kElements / 64 * 4);
    for (int i = 0; i < 64; ++i, ++parts)
      sink(part);
  });
  const FileSizeLimit limit(1 << 20);
  EXPECT_THAT(write_error(writer), HasSubstr("f.gguf: can't be written: File too large"));
  EXPECT_LT(parts, 20) << "went on after the disk was full";
}

TEST_F(GgufWriterTest, TooLittleRoomIsSeenBeforehand) {
  bool asked = false;
  GgufWriter writer;
  writer.add_streamed("a", GGML_TYPE_F32, {1 << 20, 1 << 30},
                      [&](const GgufWriter::TensorSink&) { asked = true; });
  EXPECT_THAT(write_error(writer), HasSubstr("f.gguf: takes 4294967297 MiB, but its disk has"));
  EXPECT_FALSE(asked);
}

TEST_F(GgufWriterTest, OtherExceptionsLeaveNothingEither) {
  GgufWriter writer;
  writer.add_streamed("a", GGML_TYPE_F32, {1},
                      [](const GgufWriter::TensorSink&) { throw std::bad_alloc(); });
  EXPECT_THROW(writer.write(folder_ / "f.gguf"), std::bad_alloc);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

}  // namespace
}  // namespace pandagpt
