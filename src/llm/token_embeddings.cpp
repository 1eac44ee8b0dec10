#include "llm/token_embeddings.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr char kTable[] = "token_embd.weight";
// Vicuna's, Llama's and SmolLM's. Of the others, Gemma's tokens are scaled on the way.
constexpr char kArchitecture[] = "llama";

bool is_readable(const GgufTensor* table) {
  return table != nullptr && table->shape.size() == 2 &&
         (table->type == GGML_TYPE_F32 || ggml_get_type_traits(table->type)->to_float != nullptr);
}

}  // namespace

std::unique_ptr<const TokenEmbeddings> TokenEmbeddings::open(const std::filesystem::path& path) {
  auto file = std::make_unique<const GgufFile>(path);
  if (file->get_str("general.architecture") != kArchitecture ||
      !is_readable(file->find_tensor(kTable)))
    return nullptr;
  return std::unique_ptr<const TokenEmbeddings>(new TokenEmbeddings(std::move(file)));
}

TokenEmbeddings::TokenEmbeddings(std::unique_ptr<const GgufFile> file)
    : file_(std::move(file)),
      table_(file_->find_tensor(kTable)),
      n_embd_(static_cast<int>(table_->shape[0])),
      row_bytes_(ggml_row_size(table_->type, table_->shape[0])) {}

void TokenEmbeddings::copy(std::int32_t token, std::span<float> row) const {
  if (token < 0 || token >= table_->shape[1] || row.size() != static_cast<std::size_t>(n_embd_))
    throw Error(ErrorKind::kInternal, "there is no embedding of token " + std::to_string(token));
  const std::uint8_t* from = table_->data.data() + static_cast<std::size_t>(token) * row_bytes_;
  if (table_->type == GGML_TYPE_F32)
    std::memcpy(row.data(), from, row_bytes_);
  else
    ggml_get_type_traits(table_->type)->to_float(from, row.data(), n_embd_);
}

bool adapts_token_embeddings(const std::filesystem::path& path) {
  return GgufFile(path).find_tensor(std::string(kTable) + ".lora_a") != nullptr;
}

}  // namespace pandagpt
