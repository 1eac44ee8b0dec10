// What a run of the LLM trainer begins with, if not with random values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "train/checkpoint.h"
#include "train/llama_lora.h"

namespace pandagpt::train {

/// The lexicon of `folder`/projector.gguf, if there is one. Throws Error(kModel) if it is damaged.
std::optional<Lexicon> read_lexicon(const std::filesystem::path& folder);

/// Fills `parameters`, which are those of `projector` and `model` with the projector's moments,
/// from `folder`: the newest checkpoint of a run's --out, or else a model folder's projector.gguf
/// and adapter.gguf (whose map is kept: it is brought to the present moments). Throws Error(kInput)
/// or Error(kModel) if there is neither, or of other sizes.
void load_initial_weights(const std::filesystem::path& folder, const NamedTensors& parameters,
                          std::int64_t n_image_tokens, Projector& projector,
                          const LlamaLora& model);

}  // namespace pandagpt::train
