// What an input looks like, whichever sense it is for.
import {button, element} from "../dom.js";

import {filmPreview} from "./film.js";
import {depthPreview, thermalPreview} from "./map.js";
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

/// Fills `place` with the preview of {sense, name, blob, options}; where there is none, with the
/// reason.
export async function showPreview(input, place) {
  const turn = (place.previewTurn = (place.previewTurn ?? 0) + 1);
  let parts;
  try {
    const {content, facts, player} = await kPreviews[input.sense](input);
    parts = [
      content, element("p", {class: "facts-line"}, facts),
      player && playerButton(player, input.blob)
    ];
  } catch (error) {
    parts = [element("p", {class: "no-preview"}, `No preview: ${error.message}.`)];
  }
  if (turn === place.previewTurn) place.replaceChildren(...parts.filter(Boolean));
}
