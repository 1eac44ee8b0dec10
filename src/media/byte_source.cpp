#include "media/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/time_limit.h"
#include "media/byte_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kWindowBytes = 1 << 18;

}  // namespace

struct ByteSource::Opened {
  std::string name;
  ByteView view;  // of a buffer
  int file = -1;
  std::uint64_t size = 0;
  Bytes window;  // a piece of the file
  std::uint64_t window_at = 0;

  Opened() = default;
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (file >= 0) close(file);
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::kInput, name + ": " + why);
  }

  void check(std::uint64_t at, std::uint64_t length) const {
    if (at > size || length > size - at) throw OutOfBytes();
  }

  Bytes read_from_file(std::uint64_t at, std::uint64_t length) const {
    TimeLimit::check(name);
    Bytes bytes(length);
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t got =
          pread(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
      if (got < 0 && errno != EINTR) fail(std::string("reading failed: ") + std::strerror(errno));
      if (got == 0) throw OutOfBytes();  // the file has become shorter
      if (got > 0) done += static_cast<std::size_t>(got);
    }
    return bytes;
  }
};

ByteSource::ByteSource(const std::filesystem::path& path) : opened_(std::make_unique<Opened>()) {
  Opened& self = *opened_;
  self.name = path.string();
  self.file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (self.file < 0) self.fail(std::string("can't be opened: ") + std::strerror(errno));
  struct stat info {};
  if (fstat(self.file, &info) != 0 || !S_ISREG(info.st_mode)) self.fail("is no regular file");
  self.size = static_cast<std::uint64_t>(info.st_size);
  if (self.size == 0) self.fail("the file is empty");
}

ByteSource::ByteSource(ByteView bytes, std::string name) : opened_(std::make_unique<Opened>()) {
  opened_->name = std::move(name);
  opened_->view = bytes;
  opened_->size = bytes.size();
}

ByteSource::~ByteSource() = default;
ByteSource::ByteSource(ByteSource&&) noexcept = default;
ByteSource& ByteSource::operator=(ByteSource&&) noexcept = default;

const std::string& ByteSource::name() const {
  return opened_->name;
}

std::uint64_t ByteSource::size() const {
  return opened_->size;
}

ByteView ByteSource::peek(std::uint64_t at, std::size_t length) {
  Opened& self = *opened_;
  self.check(at, length);
  if (self.file < 0) return self.view.subspan(at, length);
  const bool is_inside = at >= self.window_at && at - self.window_at <= self.window.size() &&
                         length <= self.window.size() - (at - self.window_at);
  if (!is_inside) {
    const auto wanted = std::max<std::uint64_t>(length, kWindowBytes);
    self.window = self.read_from_file(at, std::min(wanted, self.size - at));
    self.window_at = at;
  }
  return ByteView(self.window).subspan(at - self.window_at, length);
}

Bytes ByteSource::read(std::uint64_t at, std::uint64_t length) {
  Opened& self = *opened_;
  self.check(at, length);
  if (self.file >= 0) return self.read_from_file(at, length);
  const ByteView part = self.view.subspan(at, length);
  return {part.begin(), part.end()};
}

}  // namespace pandagpt
