// How loud a sound is, as ITU-R BS.1770-4 and EBU R 128 measure it.
#pragma once

#include <optional>

#include "media/audio.h"

namespace pandagpt {

/// Integrated loudness in LUFS: K-weighted (two filters, made for the sound's rate), blocks of
/// 400 ms that overlap by three quarters, those below -70 LUFS left out, then those 10 LU below the
/// mean of the rest. Channels count as one each, of five and six channels the surround ones 1.41
/// and the deep one nothing. Nothing for less than a block, and where all are left out (silence).
std::optional<double> integrated_loudness(const Audio& audio);

}  // namespace pandagpt
