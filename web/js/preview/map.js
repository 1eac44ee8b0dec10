// Thermal pictures and depth maps in false colour, with a scale.
import {decodeNpy, npyShape} from "../decode/npy.js";
import {decodeDeepPng} from "../decode/png.js";
import {metresOf} from "../depth.js";
import {element} from "../dom.js";

import {colourBar, colourTable, putColour} from "./colour.js";
import {scaledCanvas} from "./picture.js";

const kQuantiles = [0.01, 0.99];  // as the server's, so that a dead pixel doesn't decide
const kMaxBytes = 256e6;
const kNothing = [128, 128, 128, 90];  // a pixel without a measurement

/// {width, height, values, unit: "levels" | "integers" | "floats"}
async function readMap(blob) {
  if (blob.size > kMaxBytes) throw new Error("too large to be shown here; it is sent all the same");
  const bytes = new Uint8Array(await blob.arrayBuffer());
  if (npyShape(bytes)) {
    const {shape, values, isFloat} = decodeNpy(bytes);
    if (shape.length !== 2)
      throw new Error(`an array of shape ${shape.join(" x ")}, not of two dimensions`);
    return {width: shape[1], height: shape[0], values, unit: isFloat ? "floats" : "integers"};
  }
  const deep = await decodeDeepPng(bytes);
  if (deep) return {...deep, unit: "integers"};
  const bitmap = await createImageBitmap(blob).catch(() => {
    throw new Error("this browser can't show it; the server may still read it");
  });
  const canvas = scaledCanvas(bitmap, bitmap.width, bitmap.height, "");
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const values = Float32Array.from(
      {length: data.length / 4},
      (_, i) => 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
  return {width: canvas.width, height: canvas.height, values, unit: "levels"};
}

function rangeOf(values) {
  const sorted = values.filter(Number.isFinite).sort();
  if (sorted.length === 0) throw new Error("no pixel has a value");
  return kQuantiles.map((share) => sorted[Math.round(share * (sorted.length - 1))]);
}

/// `levels`: 0 to 1 for each pixel, NaN for none.
function draw(map, levels, table, label, [from, to]) {
  const image = new ImageData(map.width, map.height);
  levels.forEach((level, i) => {
    if (Number.isNaN(level))
      image.data.set(kNothing, 4 * i);
    else
      putColour(image.data, i, table, level);
  });
  const whole = document.createElement("canvas");
  [whole.width, whole.height] = [map.width, map.height];
  whole.getContext("2d").putImageData(image, 0, 0);
  const scale = element(
      "div", {class: "scale"}, element("span", {}, from), colourBar(table),
      element("span", {}, to));
  return element("div", {class: "map"}, scaledCanvas(whole, map.width, map.height, label), scale);
}

const digits = (value) => (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3));

/// Radiometric cameras mostly write hundredths of a kelvin.
const isCentikelvin = (unit, low, high) => unit === "integers" && low > 22000 && high < 60000;
const celsius = (value) => `${(value / 100 - 273.15).toFixed(1)} °C`;

export async function thermalPreview(input) {
  const map = await readMap(input.blob);
  const [low, high] = map.unit === "levels" ? [0, 255] : rangeOf(map.values);
  const [coldest, warmest] = [input.options.coldest ?? low, input.options.warmest ?? high];
  const span = warmest - coldest || 1;
  const levels = map.values.map((value) => (value - coldest) / span);
  const inCelsius = isCentikelvin(map.unit, low, high);
  const ends = map.unit === "levels" ? ["cold", "warm"] :
                                       [coldest, warmest].map(inCelsius ? celsius : digits);
  const source = inCelsius ? "taken for 0.01 K" : map.unit === "levels" ? "8-bit grey" : "measured";
  return {
    content: draw(
        map, levels, colourTable("inferno"),
        `Thermal picture ${input.name}, from ${ends.join(" to ")}`, ends),
    facts: `${map.width} × ${map.height} · ${source}`
  };
}

const kOfEightBits = ["disparity", "inverse", "relative-inverse"];

export async function depthPreview(input) {
  const map = await readMap(input.blob);
  if (map.unit === "levels" && !kOfEightBits.includes(input.options.encoding))
    throw new Error(
        "8 bits are too few for depth: send 16-bit PNG, TIFF, EXR, PFM or NPY, or " +
        "say what the numbers are");
  const metres = metresOf(map.values, input.options, map.unit !== "floats");
  const [near, far] = rangeOf(metres);
  const levels = metres.map((value) => (value - far) / (near - far || 1));
  const ends = [`far: ${digits(far)} m`, `near: ${digits(near)} m`];
  return {
    content: draw(
        map, levels, colourTable("viridis"), `Depth map ${input.name}, ${ends.join(", ")}`, ends),
    facts: `${map.width} × ${map.height}`
  };
}
