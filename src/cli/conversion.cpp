#include "cli/conversion.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "pandagpt/error.h"

namespace pandagpt {

void ConversionProgress::update(const char* label, std::int64_t done, std::int64_t total,
                                bool at_end) {
  if (InterruptGuard::pressed())
    throw Error(ErrorKind::kInternal, "interrupted; " + output_ + " was not written");
  if (!progress_) progress_.emplace(label, total);
  if (!at_end) return progress_->update(done);
  progress_->finish();
  progress_.reset();  // another step may follow
}

void ConversionProgress::written(std::uint64_t done, std::uint64_t total) {
  const auto mib = [](std::uint64_t bytes) {
    return static_cast<std::int64_t>((bytes - 1) >> 20) + 1;
  };
  update("MiB written", mib(done), mib(total), done >= total);
}

void ConversionProgress::quantized(int done, int total) {
  update("tensors quantised", done, total, done >= total);
}

LlmFileType parse_file_type(const std::string& name) {
  if (const auto type = find_file_type(name)) return *type;
  throw Error(ErrorKind::kUsage,
              "\"" + name + "\" is no type of a model file; --help lists them (q8_0, q4_k_m, ...)");
}

std::string file_type_help() {
  constexpr int kColumns = 5;
  std::string text = "Types, with the size of a 7B LLaMA in GiB:";
  int column = 0;
  for (const FileType& type : file_types()) {
    std::array<char, 48> entry{};
    std::snprintf(entry.data(), entry.size(), "%s%-9s %5.2f",
                  column++ % kColumns == 0 ? "\n  " : "   ", type.name, type.gib_7b);
    text += entry.data();
  }
  return text;
}

}  // namespace pandagpt
