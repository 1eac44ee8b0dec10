#include "train/embedding_rows.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

constexpr std::string_view kMark = ".npy#";

}  // namespace

std::string input_name(const EmbeddingRow& row) {
  return fmt::format("{}#{}", row.path, row.row);
}

std::optional<EmbeddingRow> embedding_row(const std::string& name) {
  const std::size_t at = name.rfind(kMark);
  if (at == std::string::npos) return {};
  EmbeddingRow result{name.substr(0, at + kMark.size() - 1), 0};
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + at + kMark.size(), end, result.row);
  if (error != std::errc() || rest != end || result.row < 0) return {};
  return result;
}

std::vector<float> EmbeddingRows::read(const EmbeddingRow& row, std::int64_t n_embd) {
  std::unique_ptr<const NpyArray>& file = files_[row.path];
  if (file == nullptr) {
    const MappedFile map(row.path);
    file = std::make_unique<const NpyArray>(decode_npy(map.bytes(), row.path));
  }
  const std::vector<std::int64_t>& shape = file->shape;
  if (shape.empty() || shape.size() > 2 || shape.back() != n_embd)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: is of shape {}; embeddings of these encoders are (rows, {})",
                            row.path, npy_shape_text(shape), n_embd));
  const std::int64_t n_rows = shape.size() == 1 ? 1 : shape.front();
  if (row.row >= n_rows)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: has {} rows, so none of number {}", row.path, n_rows, row.row));
  const double* begin = file->values.data() + row.row * n_embd;
  std::vector<float> values(begin, begin + n_embd);
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
    throw Error(ErrorKind::kInput,
                fmt::format("{}: row {} has values that are no finite numbers", row.path, row.row));
  return values;
}

}  // namespace pandagpt::train
