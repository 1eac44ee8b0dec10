#include "llm/token_embeddings.h"

#include <string>
#include <utility>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// Vicuna's, Llama's and SmolLM's. Of the others, Gemma's tokens are scaled on the way.
constexpr char kArchitecture[] = "llama";

}  // namespace

std::unique_ptr<const TokenEmbeddings> TokenEmbeddings::open(const std::filesystem::path& path) {
  auto file = std::make_unique<const GgufFile>(path);
  if (file->get_str("general.architecture") != kArchitecture ||
      file->find_tensor(kTokenEmbeddings) == nullptr)
    return nullptr;
  return std::unique_ptr<const TokenEmbeddings>(new TokenEmbeddings(std::move(file)));
}

TokenEmbeddings::TokenEmbeddings(std::unique_ptr<const GgufFile> file)
    : file_(std::move(file)), table_(file_->tensor(kTokenEmbeddings)) {}

void TokenEmbeddings::copy(std::int32_t token, std::span<float> row) const {
  if (token < 0 || token >= table_.n_elements() / n_embd())
    throw Error(ErrorKind::kInternal, "there is no embedding of token " + std::to_string(token));
  file_->read_row_f32(table_, token, row);
}

bool adapts_token_embeddings(const std::filesystem::path& path) {
  return GgufFile(path).find_tensor(std::string(kTokenEmbeddings) + ".lora_a") != nullptr;
}

}  // namespace pandagpt
