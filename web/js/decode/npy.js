// NumPy's files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

const kTypes = {
  f4: [4, "getFloat32"],
  f8: [8, "getFloat64"],
  u1: [1, "getUint8"],
  i1: [1, "getInt8"],
  u2: [2, "getUint16"],
  i2: [2, "getInt16"],
  u4: [4, "getUint32"],
  i4: [4, "getInt32"],
};

function parseHeader(bytes) {
  if (bytes.length < 12 || String.fromCharCode(...bytes.slice(1, 6)) !== "NUMPY") return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const isLong = bytes[6] > 1;
  const begin = isLong ? 12 : 10;
  const length = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  const text = new TextDecoder("latin1").decode(bytes.slice(begin, begin + length));
  const type = /'descr':\s*'([<>|=])(\w+)'/.exec(text);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(text);
  if (!type || !shape) return null;
  return {
    shape: shape[1].split(",").filter((one) => one.trim()).map(Number),
    isLittle: type[1] !== ">",
    type: type[2],
    isFortran: /'fortran_order':\s*True/.test(text),
    begin: begin + length,
  };
}

/// null if the bytes, the beginning of a file, are not NumPy's.
export const npyShape = (bytes) => parseHeader(bytes)?.shape ?? null;

/// {shape, values: Float32Array row-major, isFloat}. Throws Error for what isn't handled.
export function decodeNpy(bytes) {
  const header = parseHeader(bytes);
  const type = kTypes[header?.type];
  if (!header || !type || header.isFortran)
    throw new Error("numbers of this kind of NPY can't be shown");
  const count = header.shape.reduce((a, b) => a * b, 1);
  const [size, read] = type;
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.begin);
  if (view.byteLength < count * size) throw new Error("the NPY file is cut");
  const values = new Float32Array(count);
  for (let i = 0; i < count; ++i)
    values[i] = view[read](i * size, header.isLittle);
  return {shape: header.shape, values, isFloat: header.type.startsWith("f")};
}
