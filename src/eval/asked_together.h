// Many questions to a Panda, several at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "pandagpt/panda.h"

namespace pandagpt {

struct Asked {
  Inputs inputs = {};
  std::string question;
};

struct AskedAnswer {
  Answer answer = {};
  std::optional<Error> error = {};  ///< of kind kInput: an input can't be read
};

/// PandaOptions::n_parallel of who asks many questions.
inline constexpr int kAnswersAtOnce = 8;
inline constexpr int kMostAnswersAtOnce = 64;

/// Asks the questions 0 to n - 1, with a progress line called `label`. `question` and `take` are
/// called by this thread, for each number in order. Questions share the evaluations of the language
/// model and of the encoders, so this is several times faster than one after the other. An
/// Error(kInput) that `question` or Panda::ask throws is given to `take`; what else they throw, and
/// what `take` does, is thrown.
void ask_together(const Panda& panda, const std::string& label, std::size_t n,
                  const std::function<Asked(std::size_t)>& question, const GenerateOptions& options,
                  const std::function<void(std::size_t, AskedAnswer)>& take);

}  // namespace pandagpt
