// What the numbers of a depth map are: the encodings of docs/modalities.md, for the preview.

const kEndOfSixteenBits = 65535;
const kMillimetre = 0.001;
const kRelativeNearest = 1, kRelativeFarthest = 10;  // metres; a relative map has no unit

const rotated = (value) => (value >> 3 | value << 13) & 0xffff;
const swapped = (value) => (value >> 8 | value << 8) & 0xffff;
const withoutEnd = (value) => (value === kEndOfSixteenBits ? NaN : value);
const kinect = (value) => 351.3 / (1092.5 - (value > 2047 ? swapped(value) : value));
const disparity = (value, {metres_per_unit: unit = 1, focal_length: focal, baseline}) =>
    focal * baseline / (value * unit);

/// Each: metres of a number above 0; what isn't above 0 then is none.
const kMetres = {
  "mm": (value) => withoutEnd(value) * kMillimetre,
  "m": (value) => value,
  "tum": (value) => value / 5000,
  "kitti": (value) => value / 256,
  "vkitti": (value) => value / 100,
  "sunrgbd": (value) => rotated(value) * kMillimetre,
  "7scenes": (value) => withoutEnd(value) * kMillimetre,
  "nyu-raw": kinect,
  "l515": (value) => withoutEnd(value) / 4000,
  "replica": (value) => value / 6553.5,
  "disparity": disparity,
  "kitti-disparity": (value, options) => disparity(value / 256, options),
  "inverse": (value, {metres_per_unit: unit = 1}) => 1 / (value * unit),
};

export const kDepthEncodings = ["auto", ...Object.keys(kMetres), "relative-inverse"];

function relativeMetres(values) {
  const finite = values.filter(Number.isFinite);
  const low = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  return values.map((value) => {
    const share = (value - low) / (high - low);
    return 1 / (1 / kRelativeFarthest + share * (1 / kRelativeNearest - 1 / kRelativeFarthest));
  });
}

/// Metres of each number, NaN for none. `options`: those of a depth_map part.
export function metresOf(values, options, isInteger) {
  const {encoding = "auto", metres_per_unit: unit} = options;
  if (encoding === "relative-inverse") return relativeMetres(values);
  if (encoding.endsWith("disparity") && !(options.focal_length && options.baseline))
    throw new Error("disparities need the focal length and the baseline of the cameras");
  const usual = isInteger ? (value) => withoutEnd(value) * (unit ?? kMillimetre) :
                            (value) => value * (unit ?? 1);
  const read = kMetres[encoding] ?? usual;
  return values.map((value) => {
    const metres = value > 0 && Number.isFinite(value) ? read(value, options) : NaN;
    return metres > 0 ? metres : NaN;
  });
}
