// Trained encoders -> encoders.gguf.
#pragma once

#include <filesystem>
#include <span>

#include "tensor/gguf_file.h"
#include "train/bind/trainable.h"

namespace pandagpt::train {

/// One encoder to be written, with the values that stand for its parameters.
struct ExportedEncoder {
  const TrainableEncoder* encoder;
  NamedTensors values;
  double output_scale;  ///< length of its embeddings
};

/// Writes `path`: what `base` has (nullptr: nothing), to the bit, but for the encoders that are
/// replaced or new. Atomic; `path` may be the base itself. Throws Error(kInternal) on a full disk.
void export_encoders(const GgufFile* base, std::span<const ExportedEncoder> encoders, int n_embd,
                     ExportType type, const std::filesystem::path& path);

}  // namespace pandagpt::train
