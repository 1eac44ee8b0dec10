#include "embed/vector_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// NumPy's header is padded to whole blocks of 64 bytes; two hold any shape.
constexpr std::size_t kNpyHeaderBytes = 128;

fs::path with_suffix(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

[[noreturn]] void fail_writing(const fs::path& path) {
  throw Error(ErrorKind::kInternal,
              path.string() + ": writing failed; is the disk full or the folder missing?");
}

std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string npy_header(std::int64_t rows, int width) {
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                           std::to_string(rows) + ", " + std::to_string(width) + "), }";
  constexpr std::size_t kPrefixBytes = 10;  // magic, version, length
  dictionary.resize(kNpyHeaderBytes - kPrefixBytes - 1, ' ');
  dictionary += '\n';
  std::string header = "\x93NUMPY";
  header += std::string("\x01\x00", 2);
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

void sync_to_disk(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_writing(path);
  const bool done = ::fsync(descriptor) == 0;
  ::close(descriptor);
  if (!done) fail_writing(path);
}

}  // namespace

VectorFormat vector_format(const fs::path& path) {
  if (path.extension() == ".npy") return VectorFormat::kNpy;
  if (path.extension() == ".jsonl") return VectorFormat::kJsonl;
  throw Error(ErrorKind::kUsage, path.string() +
                                     ": the name of an output must end in .npy or "
                                     ".jsonl");
}

VectorFile::VectorFile(fs::path out, int width, const std::string& settings, bool restart)
    : out_(std::move(out)),
      part_(with_suffix(out_, ".part")),
      index_part_(with_suffix(out_, ".index.jsonl.part")),
      format_(vector_format(out_)),
      width_(width) {
  std::error_code code;
  if (!restart && fs::exists(out_, code))
    throw Error(ErrorKind::kUsage,
                out_.string() + ": exists already; name another output or give --restart");
  if (!restart && fs::exists(index_part_, code)) {
    go_on(settings);
  } else {
    begin(settings);
  }
}

void VectorFile::begin(const std::string& settings) {
  data_.open(part_, std::ios::binary | std::ios::trunc);
  index_.open(index_part_, std::ios::binary | std::ios::trunc);
  if (format_ == VectorFormat::kNpy) write_npy_header();
  index_ << dumped({{"settings", settings}});
  flush();
}

/// Takes over as many items as both files hold whole; what follows is cut off.
void VectorFile::go_on(const std::string& settings) {
  std::error_code code;
  const auto data_bytes = static_cast<std::int64_t>(fs::file_size(part_, code));
  std::ifstream in(index_part_, std::ios::binary);
  std::string line;
  std::getline(in, line);
  const Json first = Json::parse(line, nullptr, false);
  if (code || !first.is_object() || first.value("settings", "") != settings)
    throw Error(ErrorKind::kUsage, index_part_.string() +
                                       ": is what a run with another model or other options left; "
                                       "name another output or give --restart");
  std::int64_t index_end = in.tellg();
  std::int64_t data_end = format_ == VectorFormat::kNpy ? kNpyHeaderBytes : 0;
  while (std::getline(in, line) && !in.eof()) {  // a line without its end was cut off
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("end") || entry["end"] > data_bytes) break;
    count(entry["line"]);
    data_end = entry["end"];
    index_end = in.tellg();
    ++(entry.contains("error") ? n_failures_ : n_rows_);
  }
  fs::resize_file(part_, static_cast<std::uintmax_t>(data_end), code);
  if (!code) fs::resize_file(index_part_, static_cast<std::uintmax_t>(index_end), code);
  if (code) fail_writing(part_);
  data_.open(part_, std::ios::binary | std::ios::in | std::ios::out | std::ios::ate);
  index_.open(index_part_, std::ios::binary | std::ios::app);
  check();
}

void VectorFile::write_npy_header() {
  data_.seekp(0);
  data_ << npy_header(n_rows_, width_);
  data_.seekp(0, std::ios::end);
}

void VectorFile::check() const {
  if (!data_) fail_writing(part_);
  if (!index_) fail_writing(index_part_);
}

void VectorFile::count(std::int64_t line) {
  n_of_last_line_ = line == last_line_ ? n_of_last_line_ + 1 : 1;
  last_line_ = line;
}

void VectorFile::add(std::int64_t line, const std::string& id, std::span<const float> row) {
  if (format_ == VectorFormat::kNpy) {
    data_.write(reinterpret_cast<const char*>(row.data()),
                static_cast<std::streamsize>(row.size_bytes()));
  } else {
    data_ << dumped({{"line", line}, {"id", id}, {"embedding", row}});
  }
  index_ << dumped({{"line", line}, {"id", id}, {"end", std::int64_t{data_.tellp()}}});
  count(line);
  ++n_rows_;
}

void VectorFile::add_failure(std::int64_t line, const std::string& id, const std::string& error) {
  index_ << dumped(
      {{"line", line}, {"id", id}, {"end", std::int64_t{data_.tellp()}}, {"error", error}});
  count(line);
  ++n_failures_;
}

void VectorFile::flush() {
  data_.flush();  // before the index, which must not promise more than there is
  index_.flush();
  check();
}

void VectorFile::finish() {
  if (format_ == VectorFormat::kNpy) write_npy_header();
  flush();
  data_.close();
  index_.close();
  sync_to_disk(part_);
  sync_to_disk(index_part_);
  std::error_code code;
  fs::rename(index_part_, with_suffix(out_, ".index.jsonl"), code);
  if (!code) fs::rename(part_, out_, code);
  if (code) fail_writing(out_);
}

}  // namespace pandagpt
