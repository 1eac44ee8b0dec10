// A motion recording of several files: a table for each sensor, packed into one zip archive, which
// the server joins by time.

const kTable = /\.(csv|tsv|txt|dat)$/i;
const kAccelerometer = /acc|linear|gravity/i;
const kGyroscope = /gyr|rotation/i;
const kLocalHeader = 0x04034b50;
const kEntry = 0x02014b50;
const kEnd = 0x06054b50;

const kCrcTable = Uint32Array.from({length: 256}, (_, i) => {
  let value = i;
  for (let bit = 0; bit < 8; ++bit)
    value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes)
    crc = kCrcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/// Numbers of 2 or 4 bytes, as [bytes, value].
function record(fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2)
      view.setUint16(at, value, true);
    else
      view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

/// The files, stored as they are, as a zip archive.
export async function zipOf(files) {
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const file of files) {
    const content = new Uint8Array(await file.arrayBuffer());
    const name = new TextEncoder().encode(file.name);
    const kUtf8 = 0x800;
    const about = [
      [2, 20], [2, kUtf8], [2, 0], [2, 0], [2, 0x21], [4, crc32(content)], [4, content.length],
      [4, content.length], [2, name.length], [2, 0]
    ];
    parts.push(record([[4, kLocalHeader], ...about]), name, content);
    entries.push(
        record([[4, kEntry], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]),
        name);
    offset += 30 + name.length + content.length;
  }
  const size = entries.reduce((sum, part) => sum + part.length, 0);
  const end = record([
    [4, kEnd], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]
  ]);
  return new Blob([...parts, ...entries, end], {type: "application/zip"});
}

async function recordingOf(tables) {
  const name = `${tables.map((file) => file.name.replace(kTable, "")).join("+")}.zip`;
  return new File([await zipOf(tables)], name, {type: "application/zip"});
}

/// Files that were picked together, as [file or a promise of it, sense or undefined]: tables of an
/// accelerometer and of a gyroscope, by their names, are one recording.
export function withRecordings(files) {
  const tables = files.filter(
      ({name}) => kTable.test(name) && (kAccelerometer.test(name) || kGyroscope.test(name)));
  const isRecording = tables.some(({name}) => kAccelerometer.test(name)) &&
      tables.some(({name}) => kGyroscope.test(name)) && tables.length > 1;
  if (!isRecording) return files.map((file) => [file]);
  const others = files.filter((file) => !tables.includes(file));
  return [...others.map((file) => [file]), [recordingOf(tables), "imu"]];
}
