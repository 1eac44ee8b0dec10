// A conversation as the prompt protocol writes it: turns, and what each is about.
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

class Conversation {
 public:
  Conversation(std::shared_ptr<const LlmModel> model, PromptTemplate format,
               LaterInputs later_inputs = LaterInputs::kReplace);

  /// What the conversation is about from now on: (n_image_tokens, n_embd) floats, row-major, maybe
  /// empty. All other images are dropped. With LaterInputs::kKeep it stands before the first
  /// question, with kReplace before the next one. Throws Error(kModel) if the size is no multiple
  /// of n_embd; nothing has changed then. `facts` (maybe empty): what was measured in the inputs,
  /// which stands before their question's text (question_with_facts).
  void set_image(std::vector<float> embeddings, std::string facts = {});

  /// What the next question is about. With LaterInputs::kKeep it stands in that question's turn
  /// from then on, beside the images of earlier turns. With kReplace those are not in the prompt
  /// any more, and the conversation begins anew with this turn, behind the text of the earlier ones
  /// (PromptTemplate::document_separator). A second image before the same question is added to the
  /// first, number by number, except for its last `n_own` embeddings, which stand behind those that
  /// are there, and for its facts, which stand behind the first one's. Throws as set_image, and if
  /// the sizes don't fit.
  void add_image(std::vector<float> embeddings, int n_own = 0, std::string facts = {});

  /// BOS, the history and `question` up to where its answer starts.
  PromptSequence prompt(std::string_view question) const;
  /// The same as text, without BOS; `image_mark` stands for each image.
  std::string text(std::string_view question, std::string_view image_mark) const;

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
  /// A text that is tokenised on its own, an image, or the separator of documents.
  struct Piece {
    std::string text = {};
    PromptMediaPtr image = {};
    bool is_separator = false;
  };
  struct TurnInput {
    PromptMediaPtr image = {};  ///< or null
    std::string facts = {};
  };
  std::vector<Piece> pieces(std::string_view question) const;
  /// The turn with the newest image, or the first one.
  std::size_t newest_turn() const;
  /// Before a conversation that begins anew: the model's separator of documents, and BOS.
  std::vector<std::int32_t> separator() const;

  std::size_t width() const;
  void check_size(const std::vector<float>& embeddings) const;

  std::shared_ptr<const LlmModel> model_;
  PromptTemplate format_;
  LaterInputs later_inputs_;
  std::vector<Turn> turns_;
  std::vector<TurnInput> turn_inputs_{TurnInput()};  // one a turn, and the next question's
};

}  // namespace pandagpt
