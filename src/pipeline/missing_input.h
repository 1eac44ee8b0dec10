// Questions about a picture, a sound, .. that nobody has given: a language model answers them as if
// it had seen something.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pandagpt/input.h"

namespace pandagpt {

std::vector<Modality> modalities_of(const Inputs& inputs);

/// A warning if the English words of `question` ask about something that none of `given` shows:
/// "What is in the picture?" without any input, "What do you hear?" about a picture. Nothing if it
/// is about the world, or can't be told. `is_first`: nothing has been said before, so that "this"
/// can only be an input. `takes_inputs`: the model could be given one.
std::optional<std::string> missing_input(std::string_view question, std::span<const Modality> given,
                                         bool is_first, bool takes_inputs = true);

}  // namespace pandagpt
