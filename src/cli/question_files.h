// Files that are named in what people type at the prompt.
#pragma once

#include <string>

#include "pandagpt/input.h"

namespace pandagpt {

/// The kind that the name of a file says. Throws Error(kUsage), with what to type instead, for one
/// that may be several things: depth maps, thermal pictures and motion look like others.
Modality kind_of_dropped(const std::string& file);

struct QuestionFiles {
  Inputs inputs;
  std::string question;  ///< without them
};

/// Names of pictures, videos and sounds that stand in a question, if there are such files (cat.jpg,
/// ~/cat.jpg, file:///..). Throws Error(kInput) for a path of one that isn't there. A name at the
/// border of a sentence is taken out; inside a sentence "the picture", "the video" or "the sound"
/// stands in its place.
QuestionFiles take_question_files(const std::string& question);

}  // namespace pandagpt
