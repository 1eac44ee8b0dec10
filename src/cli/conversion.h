// What the commands that write weight files share: provenance, progress, Ctrl-C, lists of types.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/line_reader.h"
#include "convert/quantize.h"
#include "core/progress.h"

namespace pandagpt {

/// --name --license --source, for the metadata.
template <typename Conversion>
void add_provenance(CLI::App* command, Conversion* conversion) {
  const auto add = [&](const char* option, std::string* value, const char* help) {
    CLI::Option* added = command->add_option(option, *value, help);
    if (!value->empty()) added->capture_default_str();
  };
  add("--name", &conversion->name, "name for the metadata");
  add("--license", &conversion->license, "licence for the metadata");
  add("--source", &conversion->source, "where the checkpoint came from, for the metadata");
}

/// The progress line of one conversion. While it lives, Ctrl-C is answered by an exception from the
/// next report, so that no half-written file stays behind.
class ConversionProgress {
 public:
  explicit ConversionProgress(std::string output) : output_(std::move(output)) {}

  /// Bytes of the output. Throws Error(kInternal) after Ctrl-C.
  void written(std::uint64_t done, std::uint64_t total);
  /// Tensors that were quantised. Throws like written().
  void quantized(int done, int total);

 private:
  void update(const char* label, std::int64_t done, std::int64_t total, bool at_end);

  InterruptGuard guard_;
  std::string output_;
  std::optional<Progress> progress_;
};

/// Throws Error(kUsage) for a name that is none.
LlmFileType parse_file_type(const std::string& name);
/// llama.cpp's file types with their sizes, for --help.
std::string file_type_help();

}  // namespace pandagpt
