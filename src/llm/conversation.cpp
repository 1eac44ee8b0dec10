#include "llm/conversation.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {

Conversation::Conversation(std::shared_ptr<const LlmModel> model, PromptTemplate format,
                           LaterInputs later_inputs)
    : model_(std::move(model)), format_(std::move(format)), later_inputs_(later_inputs) {}

std::size_t Conversation::width() const {
  return static_cast<std::size_t>(model_->n_embd());
}

void Conversation::check_size(const std::vector<float>& embeddings) const {
  if (embeddings.size() % width() != 0)
    throw Error(ErrorKind::kModel, "image embeddings of " + std::to_string(embeddings.size()) +
                                       " numbers don't fit the language model's width of " +
                                       std::to_string(model_->n_embd()));
}

void Conversation::set_image(std::vector<float> embeddings, std::string facts) {
  check_size(embeddings);
  std::ranges::fill(turn_inputs_, TurnInput());
  if (embeddings.empty()) return;
  // The next question's, so that what is added before it is added to this.
  TurnInput& place =
      later_inputs_ == LaterInputs::kReplace ? turn_inputs_.back() : turn_inputs_.front();
  place = {make_prompt_media(std::move(embeddings)), std::move(facts)};
}

void Conversation::add_image(std::vector<float> embeddings, int n_own, std::string facts) {
  check_size(embeddings);
  if (embeddings.empty()) return;
  PromptMediaPtr& next = turn_inputs_.back().image;
  if (next != nullptr) {
    const std::vector<float>& there = next->values;
    const std::size_t own = static_cast<std::size_t>(n_own) * width();
    const std::size_t summed = embeddings.size() - std::min(own, embeddings.size());
    if (n_own > 0 ? there.size() < summed : there.size() != summed)
      throw Error(ErrorKind::kModel, "two inputs of one turn take different numbers of positions");
    std::transform(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(summed),
                   embeddings.begin(), embeddings.begin(), std::plus<>());
    embeddings.insert(embeddings.begin() + static_cast<std::ptrdiff_t>(summed),
                      there.begin() + static_cast<std::ptrdiff_t>(summed), there.end());
  }
  next = make_prompt_media(std::move(embeddings));
  std::string& told = turn_inputs_.back().facts;
  told += (told.empty() || facts.empty() ? "" : " ") + facts;
}

std::size_t Conversation::newest_turn() const {
  const auto newest = std::find_if(turn_inputs_.rbegin(), turn_inputs_.rend(),
                                   [](const TurnInput& input) { return input.image != nullptr; });
  return newest == turn_inputs_.rend() ? 0 : turn_inputs_.rend() - newest - 1;
}

std::vector<Conversation::Piece> Conversation::pieces(std::string_view question) const {
  // Where the conversation begins anew.
  const std::size_t start = later_inputs_ == LaterInputs::kReplace ? newest_turn() : 0;
  static const TurnInput kNoInput;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i <= turns_.size(); ++i) {
    const auto& [image, facts] = i < start ? kNoInput : turn_inputs_[i];
    const bool is_first = i == 0 || i == start;
    const std::string_view text = i < turns_.size() ? turns_[i].question : question;
    if (i > 0 && i == start) pieces.push_back({.is_separator = true});
    if (image != nullptr) {
      pieces.push_back({is_first ? format_.first_human : format_.next_human_image});
      pieces.push_back({.image = image});
      pieces.push_back({image_question_piece(format_, question_with_facts(facts, text))});
    } else {
      pieces.push_back(
          {is_first ? first_question_piece(format_, text) : next_question_piece(format_, text)});
    }
    if (i < turns_.size()) pieces.push_back({answer_piece(format_, turns_[i].answer)});
  }
  return pieces;
}

std::vector<std::int32_t> Conversation::separator() const {
  std::vector<std::int32_t> tokens = model_->tokenize_special(format_.document_separator);
  tokens.push_back(model_->bos());  // as at the beginning of every conversation
  return tokens;
}

PromptSequence Conversation::prompt(std::string_view question) const {
  PromptSequence prompt;
  prompt.tokens.push_back(model_->bos());
  for (const Piece& piece : pieces(question)) {
    if (piece.image != nullptr)
      prompt.add(piece.image, piece.image->values.size() / width());
    else
      prompt.add(piece.is_separator ? separator() : model_->tokenize_piece(piece.text));
  }
  return prompt;
}

std::string Conversation::text(std::string_view question, std::string_view image_mark) const {
  std::string text;
  for (const Piece& piece : pieces(question)) {
    if (piece.is_separator) {
      for (const std::int32_t token : separator())
        text += model_->text_of(token);
    } else {
      text += piece.image != nullptr ? image_mark : piece.text;
    }
  }
  return text;
}

PromptMediaPtr make_prompt_media(std::vector<float> values) {
  std::string key = sha256_hex(
      {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)});
  return std::make_shared<const PromptMedia>(PromptMedia{std::move(key), std::move(values)});
}

void Conversation::add_turn(Turn turn) {
  turns_.push_back(std::move(turn));
  turn_inputs_.emplace_back();
}

Turn Conversation::take_last_turn() {
  if (turns_.empty()) throw Error(ErrorKind::kUsage, "there is no answer to generate again");
  const TurnInput waiting = turn_inputs_.back();
  if (waiting.image != nullptr && later_inputs_ == LaterInputs::kKeep)
    throw Error(ErrorKind::kUsage,
                "an input waits for the next question; ask it before an answer is generated again");
  Turn last = std::move(turns_.back());
  turns_.pop_back();
  turn_inputs_.pop_back();
  if (waiting.image != nullptr) turn_inputs_.back() = waiting;
  return last;
}

void Conversation::set_turns(std::vector<Turn> turns) {
  turns_ = std::move(turns);
  const TurnInput first = turn_inputs_[later_inputs_ == LaterInputs::kReplace ? newest_turn() : 0];
  turn_inputs_.assign(turns_.size() + 1, TurnInput());
  turn_inputs_.front() = first;
}

void Conversation::clear() {
  turns_.clear();
  turn_inputs_.assign(1, TurnInput());
}

}  // namespace pandagpt
