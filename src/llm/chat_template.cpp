#include "llm/chat_template.h"

#include <llama.h>

#include <algorithm>
#include <utility>

#include "llm/prompt.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

/// The conversation in a template, up to where the next answer starts. `contents`: the system
/// message if `has_system`, then questions and answers in turn. Empty if llama.cpp doesn't know the
/// template.
std::string render(const std::string& name, const std::vector<std::string>& contents,
                   bool has_system) {
  std::vector<llama_chat_message> messages;
  std::size_t size = 256;
  for (const std::string& content : contents) {
    const bool is_system = has_system && messages.empty();
    const bool is_question = (messages.size() - (has_system ? 1 : 0)) % 2 == 0;
    messages.push_back({is_system     ? "system"
                        : is_question ? "user"
                                      : "assistant",
                        content.c_str()});
    size += 2 * content.size() + 64;
  }
  std::string text(size, '\0');
  const auto fill = [&] {
    return llama_chat_apply_template(name.c_str(), messages.data(), messages.size(),
                                     /*add_ass=*/true, text.data(),
                                     static_cast<std::int32_t>(text.size()));
  };
  std::int32_t length = fill();
  if (length > static_cast<std::int32_t>(text.size())) {
    text.resize(static_cast<std::size_t>(length));
    length = fill();
  }
  text.resize(static_cast<std::size_t>(std::max(length, 0)));
  return text;
}

/// Stands for content number `i` while the template is applied: words that no template changes.
std::string mark(std::size_t i) {
  return "CONTENT-" + std::to_string(i) + "-OF-THE-CONVERSATION";
}

std::vector<std::int32_t> tokenize(const llama_vocab* vocab, const std::string& text,
                                   bool parses_special) {
  std::vector<std::int32_t> tokens(text.size() + 8);
  const auto fill = [&] {
    return llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                          static_cast<std::int32_t>(tokens.size()), /*add_special=*/false,
                          parses_special);
  };
  std::int32_t count = fill();
  if (count < 0) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = fill();
  }
  if (count < 0) throw Error(ErrorKind::kInternal, "the tokeniser failed");
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

}  // namespace

ChatTemplate::ChatTemplate(const LlmModel& model, std::string system)
    : model_(model), system_(std::move(system)) {
  const char* own = llama_model_chat_template(model.handle(), /*name=*/nullptr);
  if (own != nullptr && !render(own, {mark(0)}, /*has_system=*/false).empty()) {
    template_ = own;
  } else {
    stop_ = PromptTemplate().stop;
  }
  if (!system_.empty() && !takes_system())
    throw Error(ErrorKind::kUsage,
                model_.path().string() +
                    (is_models_own() ? ": its chat template has"
                                     : ": no chat template that is known, hence") +
                    " no place for a system message; put its text in front of the question");
}

bool ChatTemplate::takes_system() const {
  if (!is_models_own()) return false;
  const std::string text = render(template_, {mark(0), mark(1)}, /*has_system=*/true);
  return text.find(mark(0)) < text.find(mark(1));
}

std::vector<ChatTemplate::Piece> ChatTemplate::own_pieces(const std::vector<Turn>& turns,
                                                          std::string_view question) const {
  std::vector<std::string> contents;
  if (!system_.empty()) contents.push_back(system_);
  for (const Turn& turn : turns) {
    contents.push_back(turn.question);
    contents.push_back(turn.answer);
  }
  contents.emplace_back(question);
  std::vector<std::string> marks;
  for (std::size_t i = 0; i < contents.size(); ++i)
    marks.push_back(mark(i));
  std::string rest = render(template_, marks, !system_.empty());
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::size_t at = rest.find(marks[i]);
    if (at == std::string::npos)
      throw Error(ErrorKind::kModel,
                  model_.path().string() + ": its chat template drops a part of the conversation");
    pieces.push_back({rest.substr(0, at)});
    pieces.push_back({contents[i], true});
    rest.erase(0, at + marks[i].size());
  }
  pieces.push_back({rest});
  return pieces;
}

std::vector<ChatTemplate::Piece> ChatTemplate::pieces(const std::vector<Turn>& turns,
                                                      std::string_view question) const {
  if (is_models_own()) return own_pieces(turns, question);
  const PromptTemplate format;
  std::vector<Piece> pieces;
  const auto add_question = [&](std::string_view text) {
    pieces.push_back({pieces.empty() ? format.first_human_text : format.next_human});
    pieces.push_back({std::string(text), true});
    pieces.push_back({format.assistant});
  };
  for (const Turn& turn : turns) {
    add_question(turn.question);
    pieces.push_back({" " + turn.answer, true});
    pieces.push_back({format.answer_end});
  }
  add_question(question);
  return pieces;
}

std::vector<std::int32_t> ChatTemplate::tokens(const std::vector<Turn>& turns,
                                               std::string_view question) const {
  const llama_vocab* vocab = model_.vocab();
  const std::vector<Piece> all = pieces(turns, question);
  std::string whole;
  bool is_safe = true;  // no content has a special token's name in it
  for (const Piece& piece : all) {
    whole += piece.text;
    if (piece.is_content && is_safe)
      is_safe = tokenize(vocab, piece.text, true) == tokenize(vocab, piece.text, false);
  }
  std::vector<std::int32_t> tokens;
  if (is_safe) {  // in one go, as llama.cpp does: words go over the borders of pieces
    tokens = tokenize(vocab, whole, is_models_own());
  } else {
    for (const Piece& piece : all) {
      const auto more = tokenize(vocab, piece.text, is_models_own() && !piece.is_content);
      tokens.insert(tokens.end(), more.begin(), more.end());
    }
  }
  const std::int32_t bos = llama_vocab_bos(vocab);
  const bool has_bos = !tokens.empty() && tokens.front() == bos;
  if (llama_vocab_get_add_bos(vocab) && bos != LLAMA_TOKEN_NULL && !has_bos)
    tokens.insert(tokens.begin(), bos);
  return tokens;
}

}  // namespace pandagpt
