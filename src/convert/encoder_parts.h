// Encoders files in two parts: a base that many know where to get (a converted checkpoint), and
// what was trained on top of it, which is all that has to be handed on.
#pragma once

#include <filesystem>

namespace pandagpt {

/// In the second part: SHA-256 of the base that it belongs to.
inline constexpr char kBaseHashKey[] = "pandagpt.base.sha256";

/// Writes to `output` what `whole` has beside `base`: all metadata, and the tensors that `base`
/// lacks or has with other values. Throws Error(kModel) if `base` has a tensor that `whole` lacks.
void split_encoders(const std::filesystem::path& whole, const std::filesystem::path& base,
                    const std::filesystem::path& output);

/// The inverse: the same tensors and metadata as the whole had. Throws Error(kModel) if `part` was
/// made with another base or is no such part.
void join_encoders(const std::filesystem::path& base, const std::filesystem::path& part,
                   const std::filesystem::path& output);

}  // namespace pandagpt
