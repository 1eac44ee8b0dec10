// The pictures of a Motion JPEG film in an AVI file, which browsers don't play.

const text = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

/// JPEG files, in order; empty for other files.
export function motionJpegFrames(bytes) {
  if (text(bytes, 0) !== "RIFF" || text(bytes, 8) !== "AVI ") return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames = [];
  for (let at = 12; at + 8 <= bytes.length;) {
    const [name, length] = [text(bytes, at), view.getUint32(at + 4, true)];
    if (name === "LIST") {
      at += 12;  // into it: its chunks follow one another
      continue;
    }
    const isJpeg = name.endsWith("dc") && bytes[at + 8] === 0xff && bytes[at + 9] === 0xd8;
    if (isJpeg) frames.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length + (length % 2);
  }
  return frames;
}
