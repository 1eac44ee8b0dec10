// The file that /save writes and /load reads: inputs and history of a chat as JSON.
//
//   {"model": "panda-mini",
//    "inputs": [{"modality": "image", "path": "/tmp/dog.jpg", "weight": 1.0}],
//    "conversation": [
//      {"from": "human", "value": "What is it?"}, {"from": "gpt", "value": "A dog."},
//      {"from": "human", "value": "And this?",
//       "inputs": [{"modality": "audio", "path": "/tmp/bark.wav", "weight": 1.0}]}, ..]}
//
// The conversation has the form of the reference's training data; a question's own "inputs" are
// ours, as are "next_inputs" of the question that comes next. Where the newest inputs replace the
// earlier ones there are only the first ones.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pandagpt/generation.h"
#include "pandagpt/input.h"

namespace pandagpt {

struct SavedTurn {
  Turn turn;
  Inputs inputs;  ///< that stand in this turn (LaterInputs::kKeep)
};

struct SavedChat {
  std::string model;  ///< its name
  Inputs inputs;      ///< that the conversation is about as a whole
  std::vector<SavedTurn> turns;
  Inputs next_inputs;  ///< of the question that comes next
};

/// Whole or not at all. Throws Error(kInternal) if it can't be written.
void write_saved_chat(const std::filesystem::path& file, const SavedChat& chat);

/// Throws Error(kInput) for a file that can't be read or isn't of this form.
SavedChat read_saved_chat(const std::filesystem::path& file);

}  // namespace pandagpt
