// What the handles of the C interface are, and how its options become those of the C++ interface.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pandagpt/embedder.h"
#include "pandagpt/panda.h"
#include "pandagpt/pandagpt.h"

struct pandagpt_inputs {
  pandagpt::Inputs inputs;
};

struct pandagpt_answer {
  pandagpt::Answer answer;
};

struct pandagpt_panda {
  pandagpt::Panda panda;
  // of pandagpt_model_info, as C has them
  std::vector<pandagpt_modality> modalities;
  std::vector<const char*> example_questions;
};

struct pandagpt_chat {
  pandagpt::Chat chat;
  pandagpt::GenerateOptions default_options;
  pandagpt::Turn turn;  // that pandagpt_chat_turn() has told of
};

struct pandagpt_embedder {
  pandagpt::Embedder embedder;
};

struct pandagpt_embed_results {
  std::vector<pandagpt::EmbedResult> results;
};

namespace pandagpt::c_api {

/// Throws Error(kUsage) for a number that no kind of input has.
Modality modality_of(pandagpt_modality modality);
pandagpt_modality number_of(Modality modality);

/// The inputs of a question; null is none.
const Inputs& inputs_of(const pandagpt_inputs* inputs);

GenerateOptions generate_options(const pandagpt_generate_options* options,
                                 const GenerateOptions& defaults);
OnText text_callback(pandagpt_on_text on_text, void* user);

}  // namespace pandagpt::c_api
