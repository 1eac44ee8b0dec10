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

void Conversation::check_size(const std::vector<float>& embeddings) const {
  if (embeddings.size() % static_cast<std::size_t>(model_->n_embd()) != 0)
    throw Error(ErrorKind::kModel, "image embeddings of " + std::to_string(embeddings.size()) +
                                       " numbers don't fit the language model's width of " +
                                       std::to_string(model_->n_embd()));
}

Conversation::ImageId Conversation::keep(std::vector<float> embeddings) {
  if (embeddings.empty()) return kNone;
  auto place = std::ranges::find(images_, embeddings);
  if (place == images_.end()) place = std::ranges::find(images_, std::vector<float>{});
  if (place == images_.end()) place = images_.emplace(images_.end());
  *place = std::move(embeddings);
  return static_cast<ImageId>(place - images_.begin());
}

void Conversation::set_image(std::vector<float> embeddings) {
  check_size(embeddings);
  std::ranges::fill(turn_images_, kNone);
  // The next question's, so that what is added before it is added to this.
  ImageId& place =
      later_inputs_ == LaterInputs::kReplace ? turn_images_.back() : turn_images_.front();
  place = keep(std::move(embeddings));
}

void Conversation::add_image(std::vector<float> embeddings, int n_own) {
  check_size(embeddings);
  if (embeddings.empty()) return;
  ImageId& next = turn_images_.back();
  if (next != kNone) {
    const std::vector<float>& there = images_[next];
    const std::size_t own =
        static_cast<std::size_t>(n_own) * static_cast<std::size_t>(model_->n_embd());
    const std::size_t summed = embeddings.size() - std::min(own, embeddings.size());
    if (n_own > 0 ? there.size() < summed : there.size() != summed)
      throw Error(ErrorKind::kModel, "two inputs of one turn take different numbers of positions");
    std::transform(there.begin(), there.begin() + static_cast<std::ptrdiff_t>(summed),
                   embeddings.begin(), embeddings.begin(), std::plus<>());
    embeddings.insert(embeddings.begin() + static_cast<std::ptrdiff_t>(summed),
                      there.begin() + static_cast<std::ptrdiff_t>(summed), there.end());
  }
  next = keep(std::move(embeddings));
}

std::size_t Conversation::newest_turn() const {
  const auto newest = std::find_if(turn_images_.rbegin(), turn_images_.rend(),
                                   [](ImageId image) { return image != kNone; });
  return newest == turn_images_.rend() ? 0 : turn_images_.rend() - newest - 1;
}

std::vector<Conversation::Piece> Conversation::pieces(std::string_view question) const {
  // Where the conversation begins anew.
  const std::size_t start = later_inputs_ == LaterInputs::kReplace ? newest_turn() : 0;
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i <= turns_.size(); ++i) {
    const ImageId image = i < start ? kNone : turn_images_[i];
    const bool is_first = i == 0 || i == start;
    const std::string_view text = i < turns_.size() ? turns_[i].question : question;
    if (i > 0 && i == start) pieces.push_back({.is_separator = true});
    if (image != kNone) {
      pieces.push_back({is_first ? format_.first_human : format_.next_human_image});
      pieces.push_back({.image = image});
      pieces.push_back({image_question_piece(format_, text)});
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

std::vector<std::int32_t> Conversation::tokens(std::string_view question) const {
  std::vector<std::int32_t> tokens{model_->bos()};
  for (const Piece& piece : pieces(question)) {
    if (piece.image != kNone) {
      tokens.insert(tokens.end(),
                    images_[piece.image].size() / static_cast<std::size_t>(model_->n_embd()),
                    token_of(piece.image));
    } else {
      const std::vector<std::int32_t> more =
          piece.is_separator ? separator() : model_->tokenize_piece(piece.text);
      tokens.insert(tokens.end(), more.begin(), more.end());
    }
  }
  return tokens;
}

std::string Conversation::text(std::string_view question, std::string_view image_mark) const {
  std::string text;
  for (const Piece& piece : pieces(question)) {
    if (piece.is_separator) {
      for (const std::int32_t token : separator())
        text += model_->text_of(token);
    } else {
      text += piece.image != kNone ? image_mark : piece.text;
    }
  }
  return text;
}

std::shared_ptr<const PromptMedia> make_prompt_media(std::vector<float> values) {
  std::string key = sha256_hex(
      {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(float)});
  return std::make_shared<const PromptMedia>(PromptMedia{std::move(key), std::move(values)});
}

PromptSequence Conversation::sequence(std::string_view question) const {
  PromptSequence sequence;
  sequence.tokens = tokens(question);
  std::vector<std::int32_t> seen;  // the images' numbers, by their new ones
  for (std::int32_t& token : sequence.tokens) {
    if (!is_image(token)) continue;
    const auto known = std::ranges::find(seen, token);
    const auto index = static_cast<std::int32_t>(known - seen.begin());
    if (known == seen.end()) {
      const std::span<const float> values = image(token);
      seen.push_back(token);
      sequence.media.push_back(make_prompt_media({values.begin(), values.end()}));
    }
    token = -1 - index;
  }
  return sequence;
}

std::span<const float> Conversation::image(std::int32_t token) const {
  return images_.at(id_of(token));
}

void Conversation::free_images_except(std::span<const std::int32_t> tokens) {
  for (ImageId id = 0; id < images_.size(); ++id) {
    if (std::ranges::find(turn_images_, id) == turn_images_.end() &&
        std::ranges::find(tokens, token_of(id)) == tokens.end())
      images_[id].clear();
  }
}

void Conversation::add_turn(Turn turn) {
  turns_.push_back(std::move(turn));
  turn_images_.push_back(kNone);
}

Turn Conversation::take_last_turn() {
  if (turns_.empty()) throw Error(ErrorKind::kUsage, "there is no answer to generate again");
  const ImageId waiting = turn_images_.back();
  if (waiting != kNone && later_inputs_ == LaterInputs::kKeep)
    throw Error(ErrorKind::kUsage,
                "an input waits for the next question; ask it before an answer is generated again");
  Turn last = std::move(turns_.back());
  turns_.pop_back();
  turn_images_.pop_back();
  if (waiting != kNone) turn_images_.back() = waiting;
  return last;
}

void Conversation::set_turns(std::vector<Turn> turns) {
  turns_ = std::move(turns);
  const ImageId first = turn_images_[later_inputs_ == LaterInputs::kReplace ? newest_turn() : 0];
  turn_images_.assign(turns_.size() + 1, kNone);
  turn_images_.front() = first;
}

void Conversation::clear() {
  turns_.clear();
  turn_images_.assign(1, kNone);
}

}  // namespace pandagpt
