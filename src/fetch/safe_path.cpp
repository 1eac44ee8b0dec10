#include "fetch/safe_path.h"

#include <algorithm>

#include "fetch/part_file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxPathBytes = 1024;
constexpr std::size_t kMaxPartBytes = 200;  // leaves room for the ending of a partial file
constexpr std::size_t kMaxShownBytes = 200;

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

}  // namespace

fs::path safe_relative_path(const std::string& name, const std::string& where) {
  const auto refuse = [&](const char* why) {
    throw Error(ErrorKind::kInput, where + ": the file name '" + printable(name) + "' " + why);
  };
  if (name.empty()) refuse("is empty; give one with -o");
  if (name.size() > kMaxPathBytes) refuse("is too long");
  if (name.front() == '/') refuse("is an absolute path, which isn't written");
  if (std::ranges::any_of(name, is_control)) refuse("has control characters");
  if (name.find('\\') != std::string::npos) refuse("has a backslash");
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") refuse("doesn't stay in its folder");
    if (part.size() > kMaxPartBytes) refuse("has a part that is too long");
    begin = end + 1;
  }
  if (name.ends_with(kPartEnding) || name.ends_with(kPartStateEnding))
    refuse("ends like an unfinished download");
  return name;
}

std::string printable(const std::string& text) {
  std::string line = text.substr(0, kMaxShownBytes);
  std::ranges::replace_if(line, is_control, '?');
  return text.size() > kMaxShownBytes ? line + ".." : line;
}

}  // namespace pandagpt
