// What an input looks like, whichever sense it is for.
import {button, element} from "../dom.js";

import {filmPreview} from "./film.js";
import {depthPreview, thermalPreview} from "./map.js";
import {addMarks, measuredText} from "./measured.js";
import {motionPreview} from "./motion.js";
import {picturePreview} from "./picture.js";
import {soundPreview} from "./sound.js";

const kPreviews = {
  image: picturePreview,
  video: filmPreview,
  audio: soundPreview,
  thermal: thermalPreview,
  depth: depthPreview,
  imu: motionPreview,
};

const kThumbnail = 72;  // pixels, each way; shown at half of it

/// A small square canvas of what an input looks like; null if it has no picture.
export async function thumbnailOf(input) {
  let content;
  try {
    ({content} = await kPreviews[input.sense](input));
  } catch {
    return null;
  }
  const picture = content.matches("canvas") ? content : content.querySelector("canvas");
  if (!picture) return null;
  const side = Math.min(picture.width, picture.height);
  const canvas = element("canvas", {width: kThumbnail, height: kThumbnail, "aria-hidden": "true"});
  canvas.getContext("2d").drawImage(
      picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0,
      kThumbnail, kThumbnail);
  return canvas;
}

/// Plays the blob in place of the button that was pressed.
function playerButton(kind, blob) {
  const start = button("Play", () => {
    const player = element(kind, {controls: true, class: "player"});
    player.src = URL.createObjectURL(blob);
    start.replaceWith(player);
    player.play().catch(() => {});
  }, {class: "play"});
  return start;
}

/// Fills `place` with the preview of {sense, name, blob, options, facts}; where there is none, with
/// the reason.
export async function showPreview(input, place) {
  const turn = (place.previewTurn = (place.previewTurn ?? 0) + 1);
  let parts;
  try {
    const {content, facts, player} = await kPreviews[input.sense](input);
    addMarks(content, input.facts);
    parts = [
      content, element("p", {class: "facts-line"}, facts),
      player && playerButton(player, input.blob)
    ];
  } catch (error) {
    parts = [element("p", {class: "no-preview"}, `No preview: ${error.message}.`)];
  }
  parts.push(measuredText(input.facts));
  if (turn === place.previewTurn) place.replaceChildren(...parts.filter(Boolean));
}
