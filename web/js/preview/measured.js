// What the server has measured in an input: a sentence, and marks on its picture.
import {element} from "../dom.js";

const kMarked = ["hottest", "coldest", "nearest"];
const kRoomForLabels = 200;  // pixels; labels of smaller pictures stand beside them on the right

const valueText = ({value, unit}) => (unit === "counts" || !unit ? "" : ` ${value} ${unit}`);

/// {width, height} of the upright map that places are pixels of; null without one.
function sizeOf(facts) {
  const [width, height] = (facts.size?.value ?? "").split(" x ").map(Number);
  return width > 0 && height > 0 ? {width, height} : null;
}

/// Puts marks over the first canvas in `content`, where the facts have a place.
export function addMarks(content, facts) {
  const size = facts && sizeOf(facts);
  const canvas = content.matches("canvas") ? null : content.querySelector("canvas");
  if (!size || !canvas) return;
  const marks = kMarked.filter((name) => facts[name]?.x !== undefined).map((name) => {
    const {x, y} = facts[name];
    const [across, down] = [(x + 0.5) / size.width, (y + 0.5) / size.height];
    const mark = element(
        "span", {class: `mark mark-${name}`, "aria-hidden": "true", "data-fact": name},
        element("span", {class: "mark-label"}, `${name}${valueText(facts[name])}`));
    mark.style.left = `${100 * across}%`;
    mark.style.top = `${100 * down}%`;
    mark.classList.toggle("to-left", across > 0.5 && canvas.width >= kRoomForLabels);
    return mark;
  });
  if (marks.length === 0) return;
  const frame = element("div", {class: "marked"});
  canvas.replaceWith(frame);
  frame.append(canvas, ...marks);
}

/// The sentence, or null. A picture's size is told beside it anyway.
export function measuredText(facts) {
  const isSizeAlone = facts?.modality === "image" && !facts.camera && !facts.time;
  return facts?.measured && !isSizeAlone ? element("p", {class: "measured"}, facts.measured) : null;
}
