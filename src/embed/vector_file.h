// Embeddings on disk, written as they come: a run that was killed goes on where it stopped.
//
//   OUT.npy             float32 (items, width), NumPy's format
//   OUT.jsonl           one {"line", "id", "embedding"} a line
//   OUT.index.jsonl     one {"line", "id"} for each row of OUT, or {"line", "id", "error"} for an
//                       item that failed, which has no row
//
// While it is being written, OUT is OUT.part and the index OUT.index.jsonl.part.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace pandagpt {

enum class VectorFormat { kNpy, kJsonl };
/// By the extension, .npy or .jsonl. Throws Error(kUsage) for another.
VectorFormat vector_format(const std::filesystem::path& path);

class VectorFile {
 public:
  /// Begins, or goes on with what a stopped run left. `settings` is one line of JSON that describes
  /// what the embeddings depend on. Throws Error(kUsage) if the parts there were made under other
  /// settings or OUT is finished already, unless `restart` (then they are replaced).
  /// Throws Error(kInternal) if it can't be written.
  VectorFile(std::filesystem::path out, int width, const std::string& settings, bool restart);

  /// The line of the last item that was written; 0 at the beginning.
  std::int64_t last_line() const { return last_line_; }
  /// How many items of that line were written: a line may stand for several.
  std::int64_t n_of_last_line() const { return n_of_last_line_; }
  std::int64_t n_rows() const { return n_rows_; }
  std::int64_t n_failures() const { return n_failures_; }

  void add(std::int64_t line, const std::string& id, std::span<const float> row);
  void add_failure(std::int64_t line, const std::string& id, const std::string& error);
  /// Hands everything to the system: a killed process loses nothing that was flushed.
  void flush();
  /// Completes the files and gives them their names.
  void finish();

 private:
  void begin(const std::string& settings);
  void go_on(const std::string& settings);
  void write_npy_header();
  void check() const;
  void count(std::int64_t line);

  std::filesystem::path out_;
  std::filesystem::path part_;
  std::filesystem::path index_part_;
  VectorFormat format_;
  int width_;
  std::ofstream data_;
  std::ofstream index_;
  std::int64_t last_line_ = 0;
  std::int64_t n_of_last_line_ = 0;
  std::int64_t n_rows_ = 0;
  std::int64_t n_failures_ = 0;
};

}  // namespace pandagpt
