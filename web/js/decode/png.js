// 16-bit grey PNG, which a canvas would cut to 8 bits. https://www.w3.org/TR/png-3/

const kMaxPixels = 50e6;

/// null for every other kind of file: {width, height, values: Float32Array}.
export async function decodeDeepPng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33 || view.getUint32(0) !== 0x89504e47) return null;
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, colour, interlace] = [bytes[24], bytes[25], bytes[28]];
  if (depth !== 16 || colour !== 0) return null;
  if (interlace !== 0 || width * height > kMaxPixels)
    throw new Error("an interlaced or very large PNG");
  const parts = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    if (view.getUint32(at + 4) === 0x49444154)
      parts.push(bytes.subarray(at + 8, at + 8 + length));  // "IDAT"
    at += 12 + length;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(stream).arrayBuffer());
  return {width, height, values: unfilter(rows, width, height)};
}

function paeth(left, up, corner) {
  const [a, b, c] =
      [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function unfilter(rows, width, height) {
  const stride = 2 * width;
  if (rows.length < (stride + 1) * height) throw new Error("the PNG is cut");
  const values = new Float32Array(width * height);
  let above = new Uint8Array(stride);
  for (let y = 0; y < height; ++y) {
    const filter = rows[y * (stride + 1)];
    const row = rows.slice(y * (stride + 1) + 1, (y + 1) * (stride + 1));
    for (let i = 0; i < stride; ++i) {
      const left = i < 2 ? 0 : row[i - 2];
      const corner = i < 2 ? 0 : above[i - 2];
      const guesses = [0, left, above[i], (left + above[i]) >> 1, paeth(left, above[i], corner)];
      row[i] += guesses[filter] ?? 0;
    }
    for (let x = 0; x < width; ++x)
      values[y * width + x] = 256 * row[2 * x] + row[2 * x + 1];
    above = row;
  }
  return values;
}
