// Decoded sound -> log mel tensors, equal to ImageBind's load_and_transform_audio_data.
#pragma once

#include <vector>

#include "media/audio.h"

namespace pandagpt {

/// The parameters of imagebind/data.py.
struct AudioTransform {
  int sample_rate = 16000;  ///< Hz, that of the filter bank
  int clip_seconds = 2;
  int n_clips = 3;
  int n_mel_bins = 128;
  int n_frames = 204;    ///< of 10 ms: a clip is cut or padded to it
  float mean = -4.268F;  ///< of the log energies
  float std = 9.138F;
};

inline constexpr AudioTransform kImageBindAudio{};

/// [frames, n_mel_bins] of a whole sound, as audio_tensor takes its clips from: log energies of the
/// first channel before normalisation. Throws Error(kInput) as audio_tensor.
std::vector<float> sound_energies(const Audio& audio,
                                  const AudioTransform& transform = kImageBindAudio);
/// Frames of such energies in one clip; those up to n_frames are padding.
int clip_frames(const AudioTransform& transform = kImageBindAudio);
/// [frames, n_mel_bins] -> [n_mel_bins, n_frames]: cut or padded with energy 0, normalised. `out`
/// takes the clip.
void energies_to_clip(const std::vector<float>& energies, const AudioTransform& transform,
                      float* out);

/// The shortest sound that gives a tensor: one window of the filter bank.
inline constexpr double kShortestSoundSeconds = 0.025;

/// [n_clips, 1, n_mel_bins, n_frames], row-major. As in the reference: resampled, clips evenly
/// spread (sample_clips), the mean over all channels subtracted, then the first channel taken;
/// frames after the end of a sound are log energy 0. Where clips overlap (sounds under 8 s), a clip
/// also carries what has been subtracted for the clips before it. Only the clips' parts are
/// resampled. Throws Error(kInput) for a sound that is shorter than 25 ms.
std::vector<float> audio_tensor(const Audio& audio,
                                const AudioTransform& transform = kImageBindAudio);

}  // namespace pandagpt
