// Answers about the photos of a caption test set.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eval/caption_run.h"
#include "eval/caption_set.h"
#include "pandagpt/panda.h"

namespace pandagpt {

struct CaptionSettings {
  std::filesystem::path data;    ///< what `photos` were read from
  std::filesystem::path images;  ///< folder that their names are relative to
  std::string question = "Describe the image.";
  int max_tokens = 48;
  int n_beams = 1;  ///< 1: greedy
  int bootstrap_rounds = 1000;
  std::uint64_t bootstrap_seed = 1;
};

/// Asks about every photo, with a progress line, and scores the answers. Leaves model_files empty.
/// Throws as Panda::ask.
CaptionRun run_captions(const Panda& panda, const CaptionSettings& settings,
                        std::vector<CaptionPhoto> photos);

/// `panda`'s defaults with the answer that the model finds likeliest: the same every time.
GenerateOptions likeliest_answer(const Panda& panda, int max_tokens, int n_beams);

}  // namespace pandagpt
