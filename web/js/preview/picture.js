// The picture itself.
import {element} from "../dom.js";

const kLongest = 480;  // pixels of the preview

/// A canvas of the picture, at most `longest` on its longer side.
export function scaledCanvas(source, width, height, label, longest = kLongest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = element("canvas", {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
    role: "img",
    "aria-label": label
  });
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export async function picturePreview(input) {
  const bitmap = await createImageBitmap(input.blob).catch(() => {
    throw new Error("this browser can't show it; the server may still read it");
  });
  const canvas = scaledCanvas(bitmap, bitmap.width, bitmap.height, `Picture ${input.name}`);
  return {content: canvas, facts: `${bitmap.width} × ${bitmap.height}`};
}
