// What becomes of the earlier inputs of a conversation when a later question has inputs of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pandagpt/export.h"

namespace pandagpt {

enum class LaterInputs {
  /// The newest inputs replace the earlier ones: only they are in the prompt. The text of the
  /// earlier turns stays, and the conversation begins anew behind it. For models that were trained
  /// with inputs in the first turn only.
  kReplace,
  /// The inputs of each question stay in its own turn. For models that were trained for it.
  kKeep,
};
inline constexpr LaterInputs kAllLaterInputs[] = {LaterInputs::kReplace, LaterInputs::kKeep};

/// "replace", "keep": the names in panda.json, in the API and on the command line.
PANDAGPT_API std::string to_string(LaterInputs later);
PANDAGPT_API std::optional<LaterInputs> later_inputs_from_name(std::string_view name);

}  // namespace pandagpt
