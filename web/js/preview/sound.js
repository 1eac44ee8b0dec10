// Waveform above, spectrogram below: at the rate and on the mel scale that the encoder hears.
import {durationText, element} from "../dom.js";

import {colourTable, putColour} from "./colour.js";
import {Spectrum} from "./fft.js";

const kRate = 16000;  // Hz, as the encoder's
const kWindow = 400;  // 25 ms
const kSize = 512;
const kWidth = 480;
const kWaveHeight = 56;
const kSpectrumHeight = 96;
const kRangeDb = 60;
const kMaxBytes = 64e6;  // decoded in memory, at four bytes a sample

const mel = (hertz) => 1127 * Math.log(1 + hertz / 700);
const hertz = (value) => 700 * (Math.exp(value / 1127) - 1);

function drawWave(context, samples) {
  context.fillStyle = "#0d1017";
  context.fillRect(0, 0, kWidth, kWaveHeight);
  context.fillStyle = "#7cc4ff";
  const loudest = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  for (let x = 0; x < kWidth; ++x) {
    const [begin, end] = [x, x + 1].map((at) => Math.floor((at * samples.length) / kWidth));
    let [low, high] = [0, 0];
    for (let i = begin; i < end; ++i)
      [low, high] = [Math.min(low, samples[i]), Math.max(high, samples[i])];
    const middle = kWaveHeight / 2;
    const scale = (middle - 2) / loudest;
    context.fillRect(x, middle - high * scale, 1, Math.max(1, (high - low) * scale));
  }
}

function drawSpectrogram(context, samples) {
  const spectrum = new Spectrum(kSize, kWindow);
  const bins = Array.from(
      {length: kSpectrumHeight},
      (_, y) => (hertz(mel(kRate / 2) * (1 - (y + 0.5) / kSpectrumHeight)) * kSize) / kRate);
  const decibel = new Float32Array(kWidth * kSpectrumHeight);
  for (let x = 0; x < kWidth; ++x) {
    const power =
        spectrum.power(samples, Math.floor((x / kWidth) * Math.max(0, samples.length - kWindow)));
    bins.forEach((bin, y) => {
      const k = Math.min(Math.floor(bin), power.length - 2);
      const value = power[k] + (bin - k) * (power[k + 1] - power[k]);
      decibel[y * kWidth + x] = 10 * Math.log10(Math.max(value, 1e-12));
    });
  }
  const most = decibel.reduce((a, b) => Math.max(a, b), -120);
  const image = context.createImageData(kWidth, kSpectrumHeight);
  const table = colourTable("inferno");
  decibel.forEach((value, i) => putColour(image.data, i, table, 1 + (value - most) / kRangeDb));
  context.putImageData(image, 0, kWaveHeight);
}

export async function soundPreview(input) {
  if (input.blob.size > kMaxBytes)
    throw new Error("too long to be drawn here; it is sent all the same");
  const context = new OfflineAudioContext(1, 1, kRate);
  const sound = await context.decodeAudioData(await input.blob.arrayBuffer()).catch(() => {
    throw new Error("this browser can't play it; the server may still read it");
  });
  const samples = sound.getChannelData(0);
  const canvas = element("canvas", {
    width: kWidth,
    height: kWaveHeight + kSpectrumHeight,
    class: "wide-preview",
    role: "img",
    "aria-label": `Waveform and spectrogram of ${input.name}, ${durationText(sound.duration)}`
  });
  const draw = canvas.getContext("2d");
  drawWave(draw, samples);
  drawSpectrogram(draw, samples);
  return {content: canvas, facts: `${durationText(sound.duration)} · 0 to 8 kHz`, player: "audio"};
}
