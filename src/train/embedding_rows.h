// Embeddings that a training conversation gives instead of a file to encode: rows of an .npy file,
// as `pandagpt embed` writes them or as something else has computed them (tools/data).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "media/npy_rows.h"

namespace pandagpt::train {

/// Row `row`, from 0, of an array (rows, n_embd) of any length, or the only one of an array
/// (n_embd).
struct EmbeddingRow {
  std::string path;
  std::int64_t row = 0;
};

/// The name of an Input that stands for `row`: "PATH.npy#ROW".
std::string input_name(const EmbeddingRow& row);
/// The inverse; nothing if `name` is the name of a file.
std::optional<EmbeddingRow> embedding_row(const std::string& name);

/// Reads rows of mapped files, which stay open while they are few.
class EmbeddingRows {
 public:
  /// The row's `n_embd` values; integers and floats of any width become float32. Throws
  /// Error(kInput) if the file can't be read, has another width or no such row, or if a value isn't
  /// finite.
  std::vector<float> read(const EmbeddingRow& row, std::int64_t n_embd);

 private:
  std::map<std::string, NpyRows> files_;
};

}  // namespace pandagpt::train
