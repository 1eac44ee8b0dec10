// Curves of accelerometer and gyroscope.
import {decodeMotion} from "../decode/motion.js";
import {durationText, element, svg} from "../dom.js";

const kWidth = 480;
const kHeight = 70;
const kMaxPoints = 600;
const kMaxBytes = 64e6;
const kAxes = ["x", "y", "z"];

function curve(values, low, high) {
  const step = Math.max(1, Math.floor(values.length / kMaxPoints));
  const points = [];
  for (let i = 0; i < values.length; i += step) {
    if (!Number.isFinite(values[i])) continue;
    const x = (i / Math.max(1, values.length - 1)) * kWidth;
    const y = kHeight - 3 - ((values[i] - low) / (high - low || 1)) * (kHeight - 6);
    points.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  }
  return points.join(" ");
}

function chart(axes, title, label) {
  const all = axes.flat().filter(Number.isFinite);
  const [low, high] =
      [all.reduce((a, b) => Math.min(a, b), 0), all.reduce((a, b) => Math.max(a, b), 0)];
  const zero = kHeight - 3 - ((0 - low) / (high - low || 1)) * (kHeight - 6);
  const lines = axes.map(
      (values, i) =>
          svg("polyline", {points: curve(values, low, high), class: `axis-${kAxes[i]}`}));
  const picture =
      svg("svg", {
        viewBox: `0 0 ${kWidth} ${kHeight}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": label
      },
          svg("line", {x1: 0, x2: kWidth, y1: zero, y2: zero, class: "zero"}), ...lines);
  const range = `${low.toFixed(1)} to ${high.toFixed(1)}`;
  return [
    element(
        "p", {class: "chart-title"}, title,
        ...kAxes.map((axis) => element("span", {class: `key-${axis}`}, axis)),
        element("span", {class: "chart-range"}, range)),
    picture
  ];
}

export async function motionPreview(input) {
  if (input.blob.size > kMaxBytes)
    throw new Error("too large to be drawn here; it is sent all the same");
  const {axes, times} = decodeMotion(new Uint8Array(await input.blob.arrayBuffer()), input.options);
  const seconds = times ? times[times.length - 1] : NaN;
  const duration = Number.isFinite(seconds) ? durationText(seconds) : "rate unknown";
  const content = element(
      "div", {class: "curves"},
      ...chart(axes.slice(0, 3), "Accelerometer", `Accelerometer of ${input.name}, ${duration}`),
      ...chart(axes.slice(3), "Gyroscope", `Gyroscope of ${input.name}, ${duration}`));
  return {content, facts: `${axes[0].length} samples · ${duration}`};
}
