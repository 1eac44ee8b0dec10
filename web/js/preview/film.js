// Five pictures of a film, from where the encoder takes its clips.
import {motionJpegFrames} from "../decode/avi.js";
import {durationText, element} from "../dom.js";

import {scaledCanvas} from "./picture.js";

const kFrames = 5;
const kFrameSize = 160;  // pixels
const kPatience = 8000;  // ms
const kMaxAviBytes = 64e6;

const strip = (frames) => element("div", {class: "film-strip"}, ...frames);
const middles = (count) => Array.from({length: kFrames}, (_, i) => ((i + 0.5) / kFrames) * count);

function happened(target, name) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no picture came")), kPatience);
    const settle = (done) => (event) => {
      clearTimeout(timer);
      done(event);
    };
    target.addEventListener(name, settle(resolve), {once: true});
    target.addEventListener("error", settle(() => reject(new Error("not playable"))), {once: true});
  });
}

async function seek(video, seconds) {
  const done = happened(video, "seeked");
  video.currentTime = seconds;
  await done;
}

async function playedFrames(input) {
  const video = element("video", {preload: "auto"});
  video.muted = true;
  const address = URL.createObjectURL(input.blob);
  try {
    const ready = happened(video, "loadeddata");
    video.src = address;
    await ready;
    // Recordings of the browser's own don't know their length until their end has been seen.
    if (!Number.isFinite(video.duration)) await seek(video, 1e7);
    const duration = Number.isFinite(video.duration) ? video.duration : video.currentTime;
    const frames = [];
    for (const at of middles(duration)) {
      await seek(video, at);
      frames.push(scaledCanvas(
          video, video.videoWidth, video.videoHeight, `${input.name} at ${durationText(at)}`,
          kFrameSize));
    }
    return {
      content: strip(frames),
      player: "video",
      facts: `${video.videoWidth} × ${video.videoHeight} · ${durationText(duration)}`
    };
  } finally {
    video.removeAttribute("src");
    URL.revokeObjectURL(address);
  }
}

async function aviFrames(input) {
  if (input.blob.size > kMaxAviBytes) return null;
  const all = motionJpegFrames(new Uint8Array(await input.blob.arrayBuffer()));
  if (all.length === 0) return null;
  const frames = await Promise.all(middles(all.length).map(async (at) => {
    const bitmap = await createImageBitmap(new Blob([all[Math.floor(at)]], {type: "image/jpeg"}));
    return scaledCanvas(
        bitmap, bitmap.width, bitmap.height, `${input.name}, frame ${Math.floor(at) + 1}`,
        kFrameSize);
  }));
  return {content: strip(frames), facts: `${all.length} frames`};
}

export async function filmPreview(input) {
  const avi = await aviFrames(input).catch(() => null);
  if (avi) return avi;
  return playedFrames(input).catch(() => {
    throw new Error("this browser can't play it; the server may still read it");
  });
}
