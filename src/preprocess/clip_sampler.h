// Which parts of a recording are looked at: pytorchvideo's ConstantClipsPerVideoSampler, which
// the reference uses for sound and video (get_clip_timepoints in imagebind/data.py).
#pragma once

#include <cstdint>
#include <vector>

namespace pandagpt {

/// A clip of the recording. The exact start is a fraction, max_start * index / n_clips.
struct Clip {
  double start = 0;  ///< s, the fraction rounded to the nearest double
  double end = 0;    ///< s, likewise start + the clip's length; may lie beyond the recording
};

/// `n_clips` clips of `clip_seconds` whole seconds. With max_start = duration - clip_seconds they
/// begin at 0, max_start / n_clips, 2 * max_start / n_clips, ... (the last one does not end with
/// the recording). A recording that is shorter than a clip gives n_clips times [0, clip_seconds].
/// `duration`: s, finite and >= 0. Throws Error(kUsage) for other values, and for less than one
/// clip or second.
std::vector<Clip> sample_clips(double duration, int clip_seconds, int n_clips);

/// The first sample of every clip: the exact start times `sample_rate` (Hz), cut to a whole number.
/// A clip has clip_seconds * sample_rate samples from there on.
std::vector<std::int64_t> sample_clip_offsets(double duration, int clip_seconds, int n_clips,
                                              int sample_rate);

}  // namespace pandagpt
