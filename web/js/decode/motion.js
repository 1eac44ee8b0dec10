// Accelerometer and gyroscope from CSV and NPY files, for their curves. The server's reader is the
// one that counts (docs/modalities.md); this one shows less rather than guess.
import {decodeNpy, npyShape} from "./npy.js";

const kAcceleration = /^(a|acc|accl|accel|accelerometer|acceleration)[ _.-]?[xyz]$/i;
const kRotation = /^(g|w|gyr|gyro|gyroscope|omega|angular_velocity)[ _.-]?[xyz]$/i;
const kOtherAcceleration = /gravity|linear|user.?acc|^gF/i;
const kUnit = /\s*[[(].*$|_(m_s2|ms2|mg|g|rad_s|rads|deg_s|dps)$/i;  // behind a column's name
const kTime = /^(t|time|timestamp|timestamps)(_?(s|ms|us|ns))?$/i;
const kTimeUnit = /[ _([](s|ms|us|ns)[)\]]?\s*$/i;
const kPerSecond = {
  s: 1,
  ms: 1e3,
  us: 1e6,
  ns: 1e9
};

function columnsOf(names) {
  const plain = names.map((name) => name.trim().replace(kUnit, ""));
  const find = (pattern, axis) =>
      plain.findIndex((name) => pattern.test(name) && name.toLowerCase().endsWith(axis));
  return {
    axes: [kAcceleration, kRotation].flatMap(
        (pattern) => ["x", "y", "z"].map((axis) => find(pattern, axis))),
    time: plain.findIndex((name) => kTime.test(name)),
    plain,
    names,
  };
}

/// Seconds from the first row; null where the table doesn't say what its times are.
function timesOf(rows, columns, rate) {
  if (columns.time < 0) return rate ? rows.map((_, i) => i / rate) : null;
  const kLongestStep = 0.2;  // s; of a recording of 5 Hz
  const unit = kTimeUnit.exec(columns.names[columns.time])?.[1]?.toLowerCase();
  const first = rows[0][columns.time];
  const step = rows.length > 1 ? rows[1][columns.time] - first : 0;
  const isSeconds = step > 0 && step <= kLongestStep;
  if (!unit && !isSeconds) return null;
  const scale = unit ? kPerSecond[unit] : 1;
  return rows.map((row) => (row[columns.time] - first) / scale);
}

function decodeCsv(text, rateHz) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const rate = rateHz ??
      Number(/rate[^0-9]*([\d.]+)/i.exec(lines.find((line) => line.startsWith("#")) ?? "")?.[1]);
  const data = lines.filter((line) => !line.startsWith("#"));
  if (data.length < 2) throw new Error("no rows of numbers");
  const separator = [";", "\t", ",", " "].find((one) => data[0].includes(one)) ?? ",";
  const number = (cell) => Number(separator === ";" ? cell.replace(",", ".") : cell);
  const cells = data.map((line) => line.trim().split(separator));
  const hasHeader = cells[0].some((cell) => Number.isNaN(number(cell)));
  if (!hasHeader && cells[0].length !== 6) throw new Error("a table without a header");
  const columns =
      hasHeader ? columnsOf(cells[0]) : {axes: [0, 1, 2, 3, 4, 5], time: -1, plain: [], names: []};
  // Which of several accelerations counts, the server decides.
  if (columns.plain.some((name) => kOtherAcceleration.test(name)))
    throw new Error("several accelerations in one table");
  if (columns.axes.some((column) => column < 0))
    throw new Error(
        "the columns of accelerometer and gyroscope (acc_x .. gyro_z) aren't all there");
  const rows = cells.slice(hasHeader ? 1 : 0).map((row) => row.map(number));
  return {
    axes: columns.axes.map((column) => rows.map((row) => row[column])),
    times: timesOf(rows, columns, rate)
  };
}

/// {axes: six arrays, acceleration x, y, z, then rotation; times: seconds, or null without a rate}.
export function decodeMotion(bytes, options = {}) {
  if (options.columns) throw new Error("its columns are chosen by hand");
  if (String.fromCharCode(...bytes.slice(0, 2)) === "PK")
    throw new Error("several tables in an archive");
  if (!npyShape(bytes)) return decodeCsv(new TextDecoder().decode(bytes), options.rate_hz);
  const {shape, values} = decodeNpy(bytes);
  if (shape.length !== 2 || !shape.includes(6))
    throw new Error(`an array of shape ${shape.join(" x ")}`);
  const isWide = shape[1] === 6;
  const count = isWide ? shape[0] : shape[1];
  const at = (axis, i) => (isWide ? values[i * 6 + axis] : values[axis * count + i]);
  const axes = [0, 1, 2, 3, 4, 5].map((axis) => Array.from({length: count}, (_, i) => at(axis, i)));
  return {axes, times: options.rate_hz ? axes[0].map((_, i) => i / options.rate_hz) : null};
}
