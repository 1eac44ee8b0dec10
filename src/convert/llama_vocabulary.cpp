#include "convert/llama_vocabulary.h"

#include <llama.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <map>
#include <set>
#include <unordered_map>

#include "convert/llama_config.h"
#include "convert/sentencepiece_model.h"
#include "core/utf8.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

constexpr char kModelFile[] = "tokenizer.model";
constexpr char kAddedFile[] = "added_tokens.json";
constexpr char kSpecialFile[] = "special_tokens_map.json";
constexpr char kConfigFile[] = "tokenizer_config.json";

// The scores of llama.cpp's converter; nothing is merged into such tokens.
constexpr float kAddedScore = -1000.0F;
constexpr float kPaddingScore = -10000.0F;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kModel, path.string() + ": " + what);
}

/// An empty table if there is no such file.
nlohmann::json read_optional(const fs::path& path) {
  return fs::exists(path) ? read_json_file(path) : nlohmann::json::object();
}

/// A token's text in one of the maps: "<s>", or {"content": "<s>", ...}; nothing for null and "".
std::optional<std::string> content_of(const nlohmann::json& table, const std::string& key) {
  const auto found = table.find(key);
  if (found == table.end()) return std::nullopt;
  const nlohmann::json* value = &*found;
  if (value->is_object() && value->contains("content")) value = &value->at("content");
  if (!value->is_string() || value->get_ref<const std::string&>().empty()) return std::nullopt;
  return value->get<std::string>();
}

bool flag_of(const nlohmann::json& table, const char* key, bool otherwise) {
  const auto found = table.find(key);
  return found != table.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

struct AddedToken {
  std::string text;
  bool is_special = false;
};

class VocabularyReader {
 public:
  VocabularyReader(const fs::path& folder, std::int64_t n_rows)
      : folder_(folder), n_rows_(static_cast<std::size_t>(n_rows)) {
    if (!fs::exists(folder / kModelFile)) fail_without_model();
    model_ = read_sentencepiece_model(folder / kModelFile);
    special_ = read_optional(folder / kSpecialFile);
    config_ = read_optional(folder / kConfigFile);
    check_model();
  }

  LlamaVocabulary read() {
    add_pieces();
    for (const auto& [id, token] : added_tokens())
      add_token(id, token);
    pad();
    index_tokens();
    check_bytes();
    find_special_ids();
    result_.add_bos = flag_of(config_, "add_bos_token", true);
    result_.add_eos = flag_of(config_, "add_eos_token", false);
    result_.add_space_prefix = flag_of(config_, "add_prefix_space", model_.add_dummy_prefix);
    if (const auto text = content_of(config_, "chat_template")) result_.chat_template = *text;
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail_without_model() const {
    if (fs::exists(folder_ / "tokenizer.json"))
      fail(folder_,
           "its tokenizer is only there as tokenizer.json (as those of LLaMA 3 and SmolLM2, which "
           "are no SentencePiece models), and this converter needs tokenizer.model; convert it by "
           "llama.cpp's convert_hf_to_gguf.py: any GGUF that llama.cpp runs is accepted");
    fail(folder_, "holds no tokenizer.model");
  }

  void check_model() const {
    const fs::path path = folder_ / kModelFile;
    if (model_.model_type != SentencePieceModel::kBpe)
      fail(path, "is no byte-pair encoding (BPE), and llama.cpp's LLaMA tokenizer knows no other");
    if (model_.whitespace_as_suffix) fail(path, "puts spaces behind words, not before them");
    if (model_.has_character_map || model_.remove_extra_whitespaces)
      spdlog::warn("{}: normalises texts, which llama.cpp doesn't do for this kind of vocabulary",
                   path.string());
  }

  void add_pieces() {
    const std::size_t count = std::min(model_.pieces.size(), n_rows_);
    if (count < model_.pieces.size())
      spdlog::warn("{}: the model has {} embeddings for {} tokens; the last tokens are left out",
                   folder_.string(), n_rows_, model_.pieces.size());
    for (const SentencePiece& piece : std::span(model_.pieces).first(count)) {
      result_.tokens.push_back(piece.text);
      result_.scores.push_back(piece.score);
      result_.types.push_back(piece.type);
    }
  }

  /// From both files that list them; the second also marks the special ones.
  std::map<std::size_t, AddedToken> added_tokens() const {
    std::map<std::size_t, AddedToken> tokens;
    const nlohmann::json added = read_optional(folder_ / kAddedFile);
    for (const auto& [text, id] : added.items()) {
      if (!id.is_number_integer() || id < 0) fail(folder_ / kAddedFile, "an id is no whole number");
      tokens[id.get<std::size_t>()] = {text, special_names().contains(text)};
    }
    const auto decoder = config_.find("added_tokens_decoder");
    if (decoder == config_.end()) return tokens;
    for (const auto& [key, entry] : decoder->items()) {
      std::size_t id = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      const auto text = entry.is_object() ? content_of(entry, "content") : std::nullopt;
      if (error != std::errc() || end != key.data() + key.size() || !text)
        fail(folder_ / kConfigFile, "an entry of added_tokens_decoder makes no sense");
      tokens[id] = {*text, flag_of(entry, "special", false) || special_names().contains(*text)};
    }
    return tokens;
  }

  /// Texts of all that the maps call special.
  std::set<std::string> special_names() const {
    std::set<std::string> names;
    for (const char* kind : {"bos_token", "eos_token", "unk_token", "pad_token"})
      for (const nlohmann::json* map : {&special_, &config_})
        if (const auto text = content_of(*map, kind)) names.insert(*text);
    return names;
  }

  void add_token(std::size_t id, const AddedToken& token) {
    if (!is_printable_utf8(token.text) || token.text.empty())
      fail(folder_, "the added token " + std::to_string(id) + " is no printable text");
    if (id >= n_rows_) {
      spdlog::warn("{}: the added token {} (id {}) has no embedding and is left out",
                   folder_.string(), token.text, id);
      return;
    }
    if (id < result_.tokens.size() && result_.tokens[id] == token.text &&
        result_.types[id] != LLAMA_TOKEN_TYPE_NORMAL)
      return;  // <unk>, <s> and </s>, which tokenizer.model has as well
    pad(id + 1);
    result_.tokens[id] = token.text;
    result_.scores[id] = kAddedScore;
    result_.types[id] = token.is_special ? LLAMA_TOKEN_TYPE_CONTROL : LLAMA_TOKEN_TYPE_USER_DEFINED;
  }

  /// Rows up to `count` that no token stands for yet.
  void pad(std::size_t count) {
    while (result_.tokens.size() < count) {
      result_.tokens.push_back("[PAD" + std::to_string(result_.tokens.size()) + "]");
      result_.scores.push_back(kPaddingScore);
      result_.types.push_back(LLAMA_TOKEN_TYPE_UNUSED);
    }
  }
  void pad() { pad(n_rows_); }

  /// llama.cpp's loader would end the process on a token that is there twice.
  void index_tokens() {
    for (std::size_t id = 0; id < result_.tokens.size(); ++id) {
      const auto [found, is_new] = ids_.emplace(result_.tokens[id], id);
      if (!is_new)
        fail(folder_, "the tokens " + std::to_string(found->second) + " and " + std::to_string(id) +
                          " are the same");
    }
  }

  /// llama.cpp finds them by their names, and has no other way to spell a text.
  void check_bytes() const {
    constexpr int kBytes = 256;
    int n_found = 0;
    for (int byte = 0; byte < kBytes; ++byte) {
      std::array<char, 8> name{};
      std::snprintf(name.data(), name.size(), "<0x%02X>", static_cast<unsigned>(byte));
      const auto id = id_of(name.data());
      n_found += id && result_.types[*id] == LLAMA_TOKEN_TYPE_BYTE ? 1 : 0;
    }
    const auto n_typed =
        std::ranges::count(result_.types, static_cast<std::int32_t>(LLAMA_TOKEN_TYPE_BYTE));
    if (n_found != kBytes || n_typed != kBytes)
      fail(folder_ / kModelFile, "has " + std::to_string(n_found) +
                                     " tokens for single bytes, not 256, so that some texts " +
                                     "would have no tokens");
  }

  std::optional<std::uint32_t> id_of(const std::string& text) const {
    const auto found = ids_.find(text);
    return found == ids_.end() ? std::nullopt
                               : std::optional(static_cast<std::uint32_t>(found->second));
  }

  std::optional<std::uint32_t> special_id(const char* kind, const std::string& piece) const {
    for (const nlohmann::json* map : {&special_, &config_})
      if (const auto text = content_of(*map, kind))
        if (const auto id = id_of(*text)) return id;
    const auto id = id_of(piece);
    const bool is_special = id && (result_.types[*id] == LLAMA_TOKEN_TYPE_CONTROL ||
                                   result_.types[*id] == LLAMA_TOKEN_TYPE_UNKNOWN);
    return is_special ? id : std::nullopt;
  }

  void find_special_ids() {
    const auto unknown =
        std::ranges::find(result_.types, static_cast<int>(LLAMA_TOKEN_TYPE_UNKNOWN));
    const std::size_t unk = unknown - result_.types.begin();
    result_.bos = special_id("bos_token", model_.bos_piece);
    result_.eos = special_id("eos_token", model_.eos_piece);
    result_.pad = special_id("pad_token", model_.pad_piece);
    result_.unk = special_id("unk_token", unk < result_.tokens.size() ? result_.tokens[unk] : "");
    if (!result_.bos && !result_.eos)
      fail(folder_, "its vocabulary has neither a begin token nor an end token");
  }

  const fs::path& folder_;
  std::size_t n_rows_;
  SentencePieceModel model_;
  nlohmann::json special_;
  nlohmann::json config_;
  LlamaVocabulary result_;
  std::unordered_map<std::string, std::size_t> ids_;
};

}  // namespace

void LlamaVocabulary::write_to(GgufWriter* writer) const {
  writer->set_str("tokenizer.ggml.model", "llama");
  writer->set_str("tokenizer.ggml.pre", "default");
  writer->set_str_array("tokenizer.ggml.tokens", tokens);
  writer->set_f32_array("tokenizer.ggml.scores", scores);
  writer->set_i32_array("tokenizer.ggml.token_type", types);
  if (bos) writer->set_u32("tokenizer.ggml.bos_token_id", *bos);
  if (eos) writer->set_u32("tokenizer.ggml.eos_token_id", *eos);
  if (unk) writer->set_u32("tokenizer.ggml.unknown_token_id", *unk);
  if (pad) writer->set_u32("tokenizer.ggml.padding_token_id", *pad);
  writer->set_bool("tokenizer.ggml.add_bos_token", add_bos);
  writer->set_bool("tokenizer.ggml.add_eos_token", add_eos);
  if (!add_space_prefix) writer->set_bool("tokenizer.ggml.add_space_prefix", false);
  if (!chat_template.empty()) writer->set_str("tokenizer.chat_template", chat_template);
}

LlamaVocabulary read_llama_vocabulary(const fs::path& folder, std::int64_t n_rows) {
  return VocabularyReader(folder, n_rows).read();
}

}  // namespace pandagpt
