#include "fetch/content_check.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "convert/safetensors.h"
#include "convert/torch_reader.h"
#include "core/zip_reader.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace {

constexpr std::string_view kGgufMagic = "GGUF";
constexpr std::string_view kZipMagic = "PK";
constexpr std::string_view kLfsPointer = "version https://git-lfs.github.com/spec/";

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> endings) {
  return std::ranges::any_of(endings, [&](const char* one) { return name.ends_with(one); });
}

std::string ascii(std::string_view bytes) {
  std::string text(bytes);
  std::ranges::replace_if(
      text, [](char c) { return c < 0x20 || c == 0x7F; }, '?');
  return text;
}

bool is_web_page(std::string_view text) {
  const std::string start = lower(text.substr(0, kBeginningBytes));
  return start.starts_with("<!doctype html") || start.starts_with("<html") ||
         start.starts_with("<head") || start.starts_with("<body");
}

}  // namespace

void check_beginning(const std::string& name, ByteView beginning, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::kInput, where + ": " + what);
  };
  const std::string ending = lower(name);
  const std::string_view bytes(reinterpret_cast<const char*>(beginning.data()), beginning.size());
  std::string_view text = bytes;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\xEF\xBB\xBF"), text.size()));
  if (is_web_page(text) && !ends_with_any(ending, {".html", ".htm"}))
    refuse("is a web page, not a file; is this the address of the file itself?");
  if (bytes.starts_with(kLfsPointer))
    refuse(
        "is only a pointer to a file in Git LFS; on Hugging Face, use the address with "
        "/resolve/, or hf:owner/repo");
  const auto require = [&](bool fits, const char* format) {
    if (!fits) refuse("begins with '" + ascii(bytes.substr(0, 8)) + "', so it is no " + format);
  };
  if (ending.ends_with(".gguf")) require(bytes.starts_with(kGgufMagic), "GGUF file");
  if (ending.ends_with(".safetensors")) require(is_safetensors(beginning), "safetensors file");
  if (ends_with_any(ending, {".pth", ".pt"}))
    require(is_torch_checkpoint(beginning), "torch checkpoint");
  if (ends_with_any(ending, {".zip", ".whl"})) require(bytes.starts_with(kZipMagic), "zip archive");
  if (ending.ends_with(".json"))
    require(text.starts_with('{') || text.starts_with('['), "JSON file");
}

void check_whole(const std::string& name, const std::filesystem::path& path,
                 const std::string& where) {
  const std::string ending = lower(name);
  try {
    if (ending.ends_with(".gguf")) {
      const GgufFile file(path);
    } else if (ending.ends_with(".safetensors")) {
      const MappedFile file(path);
      TensorTable table(name);
      read_safetensors(file.bytes(), &table);
    } else if (ends_with_any(ending, {".pth", ".pt", ".bin", ".zip", ".whl"})) {
      const MappedFile file(path);
      const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()),
                                   file.bytes().size());
      if (bytes.starts_with(kZipMagic)) read_zip_table(file.bytes(), name);
    }
  } catch (const Error& error) {
    throw Error(ErrorKind::kInput, where + ": what came is damaged or not whole: " + error.what());
  }
}

}  // namespace pandagpt
