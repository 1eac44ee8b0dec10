// A conversation as the prompt protocol writes it: turns, what each is about, and the sequence of
// tokens and embeddings that the language model is to see.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/llm_model.h"
#include "llm/prompt.h"
#include "llm/prompt_sequence.h"
#include "pandagpt/generation.h"
#include "pandagpt/later_inputs.h"

namespace pandagpt {

/// Embeddings stand in the sequence as negative numbers, the same one for each position of one
/// image; equal images of one conversation have equal numbers, different ones don't. So two
/// sequences that are equal number by number mean the same to the language model.
class Conversation {
 public:
  Conversation(std::shared_ptr<const LlmModel> model, PromptTemplate format,
               LaterInputs later_inputs = LaterInputs::kReplace);

  static bool is_image(std::int32_t token) { return token < 0; }

  /// What the conversation is about from now on: (n_image_tokens, n_embd) floats, row-major, maybe
  /// empty. All other images are dropped. With LaterInputs::kKeep it stands before the first
  /// question, with kReplace before the next one. Throws Error(kModel) if the size is no multiple
  /// of n_embd; nothing has changed then.
  void set_image(std::vector<float> embeddings);

  /// What the next question is about. With LaterInputs::kKeep it stands in that question's turn
  /// from then on, beside the images of earlier turns. With kReplace those are not in the prompt
  /// any more, and the conversation begins anew with this turn, behind the text of the earlier ones
  /// (PromptTemplate::document_separator). A second image before the same question is added to the
  /// first, number by number, except for its last `n_own` embeddings, which stand behind those that
  /// are there. Throws as set_image, and if the sizes don't fit.
  void add_image(std::vector<float> embeddings, int n_own = 0);

  /// BOS, the history and `question` up to where its answer starts.
  std::vector<std::int32_t> tokens(std::string_view question) const;

  /// The same as text, without BOS; `image_mark` stands for each image.
  std::string text(std::string_view question, std::string_view image_mark) const;
  /// tokens() with what the images hold, independent of this object.
  PromptSequence sequence(std::string_view question) const;

  /// (n_image_tokens, n_embd) of an image in tokens().
  std::span<const float> image(std::int32_t token) const;

  /// Frees the images that are neither in the conversation nor in `tokens`.
  void free_images_except(std::span<const std::int32_t> tokens);

  const std::vector<Turn>& turns() const { return turns_; }
  const PromptTemplate& format() const { return format_; }
  /// The next question and its answer; its image stays with it.
  void add_turn(Turn turn);
  /// Takes the last turn back; its image becomes the next question's, unless that has a newer one,
  /// which stays with LaterInputs::kReplace. Throws Error(kUsage) without history, and with kKeep
  /// if an image was added for the next question.
  Turn take_last_turn();
  /// Replaces the history. Of the images the first turn's stays, with LaterInputs::kReplace the
  /// newest.
  void set_turns(std::vector<Turn> turns);
  /// Forgets turns and images.
  void clear();

 private:
  using ImageId = std::size_t;
  static constexpr ImageId kNone = static_cast<ImageId>(-1);

  /// A text that is tokenised on its own, an image, or the separator of documents.
  struct Piece {
    std::string text = {};
    ImageId image = kNone;
    bool is_separator = false;
  };
  std::vector<Piece> pieces(std::string_view question) const;
  /// The turn with the newest image, or the first one.
  std::size_t newest_turn() const;
  /// Before a conversation that begins anew: the model's separator of documents, and BOS.
  std::vector<std::int32_t> separator() const;

  static std::int32_t token_of(ImageId id) { return -1 - static_cast<std::int32_t>(id); }
  static ImageId id_of(std::int32_t token) { return static_cast<ImageId>(-1 - token); }
  void check_size(const std::vector<float>& embeddings) const;
  ImageId keep(std::vector<float> embeddings);

  std::shared_ptr<const LlmModel> model_;
  PromptTemplate format_;
  LaterInputs later_inputs_;
  std::vector<Turn> turns_;
  std::vector<ImageId> turn_images_{kNone};  // one a turn, and the next question's
  std::vector<std::vector<float>> images_;   // by id; empty: free
};

}  // namespace pandagpt
