// A recording as a WAV file: what browsers record has no length in its header.

const kRate = 48000;  // Hz
const kHeader = 44;   // bytes

function put(view, at, text) {
  [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
}

/// 16-bit mono. http://soundfile.sapp.org/doc/WaveFormat
export function wavOf(samples, rate) {
  const view = new DataView(new ArrayBuffer(kHeader + 2 * samples.length));
  put(view, 0, "RIFF");
  view.setUint32(4, kHeader - 8 + 2 * samples.length, true);
  put(view, 8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);  // PCM
  view.setUint16(22, 1, true);  // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  put(view, 36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach(
      (value, i) => view.setInt16(
          kHeader + 2 * i, Math.round(32767 * Math.max(-1, Math.min(1, value))), true));
  return view.buffer;
}

/// Of any sound that the browser can play. Throws Error.
export async function wavFile(blob, name) {
  const context = new OfflineAudioContext(1, 1, kRate);
  const sound = await context.decodeAudioData(await blob.arrayBuffer()).catch(() => {
    throw new Error("Nothing was recorded.");
  });
  return new File([wavOf(sound.getChannelData(0), kRate)], name, {type: "audio/wav"});
}
