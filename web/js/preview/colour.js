// False colours. The tables are the anchors of matplotlib's maps of these names.

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const kAnchors = {
  inferno: [
    "#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06",
    "#f7d13d", "#fcffa4"
  ],
  viridis: [
    "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58",
    "#b5de2b", "#fde725"
  ],
};

/// 256 colours [r, g, b], from the map's beginning to its end.
export function colourTable(name) {
  const anchors = kAnchors[name].map(parse);
  return Array.from({length: 256}, (_, i) => {
    const place = (i / 255) * (anchors.length - 1);
    const k = Math.min(Math.floor(place), anchors.length - 2);
    return anchors[k].map((from, c) => Math.round(from + (place - k) * (anchors[k + 1][c] - from)));
  });
}

/// Writes colour `table[level]`, level 0..1, into an ImageData's pixel.
export function putColour(pixels, index, table, level) {
  const [r, g, b] = table[Math.round(255 * Math.min(1, Math.max(0, level)))];
  pixels.set([r, g, b, 255], 4 * index);
}

/// A bar of all colours, left to right.
export function colourBar(table) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [table.length, 1];
  const image = new ImageData(table.length, 1);
  table.forEach((_, i) => putColour(image.data, i, table, i / (table.length - 1)));
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.className = "colour-bar";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}
