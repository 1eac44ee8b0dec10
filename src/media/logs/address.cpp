#include "media/logs/address.h"

#include <charconv>
#include <cmath>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;

constexpr double kLatest = 1e9;  // seconds: no log lasts for thirty years

class TimeParser {
 public:
  TimeParser(std::string_view text, const std::string& name) : rest_(text), name_(name) {}

  void read_into(LogAddress& address) {
    if (!at_end() && rest_.front() != '-' && rest_.front() != ':') address.from = number();
    if (skip('-')) {
      address.is_span = true;
      if (!at_end() && rest_.front() != ':') address.until = number();
    }
    if (skip(':')) address.step = number();
    const bool says_nothing = !address.from && !address.until && !address.step;
    const bool falls = address.until && *address.until <= address.from.value_or(0);
    if (!at_end() || says_nothing || falls || (address.step && *address.step <= 0)) fail();
  }

 private:
  bool at_end() const { return rest_.empty(); }

  bool skip(char c) {
    if (at_end() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  double number() {
    double value = 0;
    const auto [end, code] =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), value, std::chars_format::fixed);
    if (code != std::errc() || !(value >= 0 && value <= kLatest)) fail();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  [[noreturn]] void fail() const {
    throw Error(ErrorKind::kInput,
                name_ +
                    ": no time stands behind the '@'; give seconds from the log's beginning: "
                    "@12.5, @2-8, or @0:0.5 for each half second");
  }

  std::string_view rest_;
  const std::string& name_;
};

bool is_file(const std::string& path) {
  std::error_code code;
  return fs::is_regular_file(path, code);
}

}  // namespace

std::string place_of(const std::string& name, bool is_buffer) {
  const std::size_t mark = name.rfind('#');
  if (mark == std::string::npos || mark == 0) return "";
  const std::string place = name.substr(mark);
  // Names of buffers are anything that a client says.
  if (is_buffer && !place.starts_with("#/") && !place.starts_with("#@")) return "";
  if (!is_buffer && (is_file(name) || !is_file(name.substr(0, mark)))) return "";
  return place;
}

std::string file_of(const std::string& name) {
  return name.substr(0, name.size() - place_of(name, /*is_buffer=*/false).size());
}

LogAddress parse_log_address(const std::string& name, bool is_buffer) {
  LogAddress address;
  const std::string place = place_of(name, is_buffer);
  address.file = name.substr(0, name.size() - place.size());
  if (place.empty()) return address;
  const std::size_t at = place.rfind('@');
  if (at != std::string::npos)
    TimeParser(std::string_view(place).substr(at + 1), name).read_into(address);
  address.topic = place.substr(1, at == std::string::npos ? at : at - 1);
  return address;
}

}  // namespace pandagpt
