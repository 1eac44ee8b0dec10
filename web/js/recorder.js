// Camera and microphone: a dialog that gives a file.
import {byId, durationText} from "./dom.js";
import {wavFile} from "./wav.js";

const kKinds = {
  photo: {title: "Take a photo", go: "Take photo", media: {video: {facingMode: "environment"}}},
  sound: {title: "Record a sound", go: "Record", media: {audio: true}, maxSeconds: 60},
  video: {
    title: "Record a video",
    go: "Record",
    media: {video: {facingMode: "environment"}, audio: true},
    maxSeconds: 20
  },
};
/// Where recording isn't allowed: what a file field accepts, and the camera or microphone that a
/// phone opens for it.
export const kCaptures = {
  photo: {accept: "image/*", capture: "environment"},
  sound: {accept: "audio/*", capture: "user"},
  video: {accept: "video/*", capture: "environment"},
};
const kFilmTypes = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
const kPhotoQuality = 0.92;
const kTick = 100;  // ms

const timeStamp = () => new Date().toISOString().slice(0, 19).replace(/[:T]/g, "-");

/// Null if it can be used, or why not.
export function reasonAgainstRecording() {
  if (navigator.mediaDevices?.getUserMedia) return null;
  return window.isSecureContext ?
      "This browser can't record." :
      "Browsers give camera and microphone only to pages of https addresses and of this machine.";
}

function deniedText(error) {
  if (error.name === "NotAllowedError")
    return "The browser was not allowed to use the camera or microphone.";
  if (error.name === "NotFoundError") return "There is no camera or microphone.";
  return `Camera or microphone can't be used: ${error.message}`;
}

async function openMedia(kind) {
  try {
    return await navigator.mediaDevices.getUserMedia(kind.media);
  } catch (error) {
    throw new Error(deniedText(error));
  }
}

/// Shows the loudness of a stream; returns how to end it.
function watchLevel(stream, meter) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    meter.value = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }, kTick);
  return () => {
    clearInterval(timer);
    context.close();
  };
}

async function photoOf(view) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [view.videoWidth, view.videoHeight];
  canvas.getContext("2d").drawImage(view, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", kPhotoQuality));
  return new File([blob], `photo-${timeStamp()}.jpg`, {type: "image/jpeg"});
}

/// What the recorder hears and sees until `stopped` settles.
async function recordingOf(stream, types, stopped) {
  const mimeType = types.find((type) => MediaRecorder.isTypeSupported(type));
  const recorder = new MediaRecorder(stream, mimeType ? {mimeType} : {});
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve, {once: true}));
  recorder.start();
  await stopped;
  recorder.stop();
  await ended;
  return new Blob(parts, {type: recorder.mimeType});
}

async function fileOf(name, stream, view, stopped) {
  if (name === "photo") return photoOf(view);
  const blob = await recordingOf(stream, name === "video" ? kFilmTypes : [], stopped);
  if (name === "sound") return wavFile(blob, `sound-${timeStamp()}.wav`);
  const extension = blob.type.includes("mp4") ? "mp4" : "webm";
  return new File([blob], `video-${timeStamp()}.${extension}`, {type: blob.type.split(";")[0]});
}

const pressed = (target, signal) =>
    new Promise((resolve) => target.addEventListener("click", resolve, {once: true, signal}));

/// Counts the seconds; settles when `go` is pressed or the time is over.
function runClock(go, state, maxSeconds, signal) {
  const start = performance.now();
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const seconds = (performance.now() - start) / 1000;
      state.textContent = `Recording: ${durationText(seconds)} of at most ${maxSeconds} s`;
      if (seconds >= maxSeconds) finish();
    }, kTick);
    const finish = () => {
      clearInterval(timer);
      resolve();
    };
    pressed(go, signal).then(finish);
    signal.addEventListener("abort", finish);
  });
}

/// `name`: "photo", "sound" or "video". A File, or null if it was cancelled. Throws Error.
export async function record(name) {
  const reason = reasonAgainstRecording();
  if (reason) throw new Error(reason);
  const kind = kKinds[name];
  const stream = await openMedia(kind);
  const [dialog, view, meter] = [byId("recorder"), byId("recorder-view"), byId("recorder-level")];
  const [go, state] = [byId("recorder-go"), byId("recorder-state")];
  byId("recorder-title").textContent = kind.title;
  go.textContent = kind.go;
  state.textContent = "";
  view.hidden = !kind.media.video;
  meter.hidden = !kind.media.audio;
  view.srcObject = kind.media.video ? stream : null;
  const endLevel = kind.media.audio ? watchLevel(stream, meter) : () => {};
  const end = new AbortController();
  const {signal} = end;
  const closed =
      new Promise((resolve) => dialog.addEventListener("close", () => resolve(null), {signal}));
  pressed(byId("recorder-cancel"), signal).then(() => dialog.close());
  dialog.showModal();
  if (kind.media.video) view.play().catch(() => {});
  const recorded = (async () => {
    await pressed(go, signal);
    go.textContent = "Done";
    return fileOf(
        name, stream, view, kind.maxSeconds && runClock(go, state, kind.maxSeconds, signal));
  })();
  try {
    return await Promise.race([recorded, closed]);
  } finally {
    recorded.catch(() => {});  // of a cancelled recording nobody wants to know
    end.abort();
    if (dialog.open) dialog.close();
    endLevel();
    view.srcObject = null;
    for (const track of stream.getTracks())
      track.stop();
  }
}
