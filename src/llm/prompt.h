// The PandaGPT prompt protocol, shared by inference and the trainer.
//
// Source: the reference's code/model/openllama.py (build_one_instance, prepare_generation_embedding)
// and the paper, section 3. One conversation about a picture reads
//
//   BOS "### Human: <Img>" IMAGE "</Img> " q1 "\n### Assistant:" a1 "\n###"
//       " Human: " q2 "\n### Assistant:" a2 "\n###" ...
//
// where every quoted piece is tokenised on its own and without special tokens, and IMAGE stands for
// `n_image_tokens` projected embeddings.
#pragma once

#include <cstdint>
#include <string>

namespace pandagpt {

/// The text pieces around questions, embeddings and answers. The defaults are the reference's.
struct PromptTemplate {
  std::string first_human = "### Human: <Img>";  ///< before the image embeddings
  std::string after_image = "</Img> ";           ///< after them, directly before the question
  std::string first_human_text = "### Human: ";  ///< a first turn without any input
  std::string next_human = " Human: ";           ///< a later turn, after the stop string
  std::string assistant = "\n### Assistant:";    ///< after a question; the answer follows
  std::string answer_prefix;  ///< put before an answer; " " for byte-level BPE vocabularies, which
                              ///< (unlike SentencePiece's) add no word space of their own
  std::string answer_end = "\n###";  ///< after an answer, in training and in the history
  std::string stop = "###";          ///< generation ends where this begins
};

}  // namespace pandagpt
