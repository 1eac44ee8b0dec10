// The file that /save writes and /load reads: inputs and history of a chat as JSON.
//
//   {"model": "panda-mini",
//    "inputs": [{"modality": "image", "path": "/tmp/dog.jpg", "weight": 1.0}],
//    "conversation": [{"from": "human", "value": "What is it?"}, {"from": "gpt", "value": "A
//    dog."}]}
//
// The conversation has the form of the reference's training data.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pandagpt/generation.h"
#include "pandagpt/input.h"

namespace pandagpt {

struct SavedChat {
  std::string model;  ///< its name
  Inputs inputs;
  std::vector<Turn> turns;
};

/// Whole or not at all. Throws Error(kInternal) if it can't be written.
void write_saved_chat(const std::filesystem::path& file, const SavedChat& chat);

/// Throws Error(kInput) for a file that can't be read or isn't of this form.
SavedChat read_saved_chat(const std::filesystem::path& file);

}  // namespace pandagpt
