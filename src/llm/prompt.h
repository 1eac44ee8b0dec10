// The PandaGPT prompt protocol, shared by inference and the trainer.
//
// Source: the reference's code/model/openllama.py (build_one_instance,
// prepare_generation_embedding) and the paper, section 3. One conversation about a picture reads
//
//   BOS "### Human: <Img>" IMAGE "</Img> " q1 "\n### Assistant:" a1 "\n###"
//       " Human: " q2 "\n### Assistant:" a2 "\n###" ...
//
// An input that is added in a later turn stands in that turn, in the same marks (ours: the
// reference has inputs in the first turn only):
//
//       " Human: <Img>" IMAGE2 "</Img> " q2 "\n### Assistant:" a2 "\n###"
//
// or, where the newest inputs replace the earlier ones (LaterInputs::kReplace), the conversation
// begins anew with it, as training had it, behind the text of the earlier turns:
//
//   BOS "### Human: " q1 "\n### Assistant:" a1 "\n###" SEPARATOR BOS "### Human: <Img>" IMAGE2 ...
//
// Where the model was trained with what is measured in its inputs (ours: `facts` in panda.json),
// one line of it stands before the question about them:
//
//   BOS "### Human: <Img>" IMAGE "</Img> Measured: hottest 36.5 °C at the upper left.\n" q1 ..
//
// where IMAGE stands for `n_image_tokens` projected embeddings. The text is tokenised in the pieces
// that the reference uses, without special tokens: what stands before the image is one, a question
// with the texts on both its sides is one, and an answer with its end is one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pandagpt/generation.h"

namespace pandagpt {

/// The text pieces around questions, embeddings and answers. The defaults are the reference's.
struct PromptTemplate {
  std::string first_human = "### Human: <Img>";    ///< before the image embeddings
  std::string after_image = "</Img> ";             ///< after them, directly before the question
  std::string first_human_text = "### Human: ";    ///< a first turn without any input
  std::string next_human = " Human: ";             ///< a later turn, after the stop string
  std::string next_human_image = " Human: <Img>";  ///< the same before the embeddings of that turn
  std::string assistant = "\n### Assistant:";      ///< after a question; the answer follows
  std::string answer_prefix;  ///< put before an answer; " " for byte-level BPE vocabularies, which
                              ///< (unlike SentencePiece's) add no word space of their own
  std::string answer_end = "\n###";  ///< after an answer, in training and in the history
  std::string stop = "###";          ///< generation ends where this begins
  /// SEPARATOR: special tokens as they stood between documents when the language model was trained,
  /// so that it has learned to go by what comes after; maybe empty.
  std::string document_separator;
};

/// A question with what was measured in its inputs, in one line; for inference and training data
/// alike.
inline std::string question_with_facts(std::string_view facts, std::string_view question) {
  if (facts.empty()) return std::string(question);
  return std::string(facts).append("\n").append(question);
}

/// The piece of a question about an input. `format.first_human`, or in a later turn
/// `format.next_human_image`, and the image embeddings come before it.
inline std::string image_question_piece(const PromptTemplate& format, std::string_view question) {
  return std::string(format.after_image).append(question).append(format.assistant);
}

/// The piece of a conversation's first question, without an input.
inline std::string first_question_piece(const PromptTemplate& format, std::string_view question) {
  return std::string(format.first_human_text).append(question).append(format.assistant);
}

/// The piece of a later question, without an input.
inline std::string next_question_piece(const PromptTemplate& format, std::string_view question) {
  return std::string(format.next_human).append(question).append(format.assistant);
}

/// The piece of an answer: what the model is trained to write after a question's piece.
inline std::string answer_piece(const PromptTemplate& format, std::string_view answer) {
  return std::string(format.answer_prefix).append(answer).append(format.answer_end);
}

}  // namespace pandagpt
