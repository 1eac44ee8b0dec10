// Pictures that this browser reads and a server perhaps doesn't (HEIC on Apple's, AVIF), as JPEG.

const kQuality = 0.92;

/// A JPEG of the picture as the browser shows it, of at most `maxPixels`; null if it can't read it.
export async function pictureAsJpeg(blob, maxPixels = Infinity) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    return null;
  }
  const scale = Math.min(1, Math.sqrt((maxPixels || Infinity) / (bitmap.width * bitmap.height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(bitmap.width * scale));
  canvas.height = Math.max(1, Math.floor(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "white";  // JPEG has no transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", kQuality));
}
