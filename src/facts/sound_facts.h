// What a sound says: how long, how loud, pitch, onsets, silence.
#pragma once

#include "media/audio.h"
#include "pandagpt/facts.h"

namespace pandagpt {

/// Facts "length", "rate", "channels", "peak" and "level" (dBFS), "loudness" (LUFS), "silence"
/// (share of the time below -60 dBFS); where there is one, "pitch" with "lowest_pitch" and
/// "highest_pitch"; of sounds of up to two minutes "onsets", and "rhythm" where they are even.
/// Pitch and onsets are those of the loudest channel.
InputFacts sound_facts(const Audio& audio);

}  // namespace pandagpt
