#include "train/embedding_rows.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "media/npy.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

constexpr std::string_view kMark = ".npy#";
constexpr std::size_t kMaxMapped = 64;  // files at a time

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
  // a mapping each: the system has a limit, and data may have a file for each conversation
  if (files_.size() >= kMaxMapped && !files_.contains(row.path)) files_.clear();
  const NpyRows& file = files_.try_emplace(row.path, row.path).first->second;
  if (file.width() != n_embd)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: is of shape {}; embeddings of these encoders are (rows, {})",
                            row.path, npy_shape_text(file.shape()), n_embd));
  std::vector<float> values = file.row(row.row);
  if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); }))
    throw Error(ErrorKind::kInput,
                fmt::format("{}: row {} has values that are no finite numbers", row.path, row.row));
  return values;
}

}  // namespace pandagpt::train
