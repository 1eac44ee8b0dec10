#include "cli/web_file.h"

#include <chrono>

#include "fetch/remote_media.h"
#include "fetch/url.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{512} << 20;
constexpr std::chrono::seconds kTime{120};

}  // namespace

Bytes fetch_web_file(const std::string& address) {
  const std::string shown = Url(address).shown();
  const RemoteMedia media({.allow_private = true, .use_proxy = true, .time = kTime});
  try {
    return media.fetch(address, kMaxBytes);
  } catch (const Error& error) {
    const std::string what = error.what();
    throw Error(ErrorKind::kInput, what.starts_with(shown) ? what : shown + ": " + what);
  }
}

}  // namespace pandagpt
