// TensorBoard event files: curves and texts of a run, without TensorBoard's own code.
//
// Formats: TFRecord (tensorflow/core/lib/io/record_writer.h), masked CRC-32C
// (tensorflow/core/lib/hash/crc32c.h), Event and Summary
// (tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pandagpt::train {

/// CRC-32C (Castagnoli), RFC 3720, appendix B.4.
std::uint32_t crc32c(std::string_view bytes);

/// length (8 bytes), its masked CRC, `payload`, its masked CRC.
std::string tf_record(std::string_view payload);

class TensorBoardWriter {
 public:
  /// Begins a new event file in `folder`. What earlier files there say about steps after
  /// `last_step` is taken back: a resumed run does those again. Throws Error(kInternal) if it can't
  /// be written, as the others do.
  TensorBoardWriter(const std::filesystem::path& folder, std::int64_t last_step);

  /// Points of several curves ("train/loss") at one step.
  void scalars(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
  /// `markdown` in the text view.
  void text(std::int64_t step, const std::string& tag, const std::string& markdown);

 private:
  void write(const std::string& event);

  std::filesystem::path path_;
  std::ofstream out_;
};

}  // namespace pandagpt::train
