// The six senses: how the server calls them, what they are made of, and how a file's sense is told.
import {npyShape} from "./decode/npy.js";
import {kDepthEncodings} from "./depth.js";

const kNumber = (key, label) => ({key, label, kind: "number"});

/// `part`: type of content part; `options`: fields of that part; `example`: a file under examples/.
export const kSenses = [
  {
    id: "image",
    part: "image_url",
    label: "Picture",
    noun: "pictures",
    formats: "JPEG, PNG, WebP, HEIC, TIFF …",
    question: "What is this?",
    example: "coffee.jpg",
    options: []
  },
  {
    id: "video",
    part: "video_url",
    label: "Video",
    noun: "videos",
    formats: "MP4, WebM, MKV, AVI …",
    question: "What is in the video?",
    example: "cat.avi",
    options: [{key: "use_audio", label: "its sound as well", kind: "flag", needs: "audio"}]
  },
  {
    id: "audio",
    part: "input_audio",
    label: "Sound",
    noun: "sounds",
    formats: "WAV, MP3, FLAC, Ogg …",
    question: "What do you hear?",
    example: "siren.wav",
    options: []
  },
  {
    id: "thermal",
    part: "thermal_image",
    label: "Thermal",
    noun: "thermal pictures",
    formats: "grey pictures, 16-bit PNG, TIFF, NPY",
    question: "What does the thermal camera show?",
    example: "thermal_centikelvin.png",
    options: [kNumber("coldest", "black at"), kNumber("warmest", "white at")]
  },
  {
    id: "depth",
    part: "depth_map",
    label: "Depth",
    noun: "depth maps",
    formats: "16-bit PNG in mm, TIFF, EXR, PFM, NPY, an iPhone's HEIC",
    question: "What is the person doing?",
    example: "person_depth_mm.png",
    options: [
      {key: "encoding", label: "numbers are", kind: "choice", choices: kDepthEncodings},
      kNumber("metres_per_unit", "metres per unit"), kNumber("focal_length", "focal length, px"),
      kNumber("baseline", "baseline, m")
    ]
  },
  {
    id: "imu",
    part: "imu",
    label: "Motion",
    noun: "motion",
    formats: "CSV, NPY, zip of accelerometer and gyroscope",
    question: "What is the person doing?",
    example: "walking_imu.csv",
    options: [
      kNumber("rate_hz", "rate, Hz"), {
        key: "acceleration_unit",
        label: "accelerometer in",
        kind: "choice",
        choices: ["m/s2", "g", "mg"]
      },
      {key: "rotation_unit", label: "gyroscope in", kind: "choice", choices: ["rad/s", "deg/s"]},
      {key: "gravity", label: "gravity", kind: "choice", choices: ["present", "absent"]},
      {key: "columns", label: "columns", kind: "text", hint: "acc=3-5,gyro=6-8,time=1"}
    ]
  },
];

export const senseOf = (id) => kSenses.find((sense) => sense.id === id);

/// Options that a file's name gives, as on the command line: the server doesn't know the names of
/// uploaded files.
export function optionsOfName(sense, name) {
  return sense === "depth" && /(^|[^a-z])mm([^a-z]|$)/i.test(name) ? {encoding: "mm"} : {};
}

/// What the model can do with each sense, from /props: null, or the reason why not.
export function reasonAgainst(sense, props) {
  if (!props || props.modalities[sense.id]) return null;
  return `${props.model_alias} has no encoder for ${sense.noun}`;
}

/// An input as a content part. `source`: {file_id} or {data}.
export function contentPart(input, source) {
  const {part} = senseOf(input.sense);
  const value = {...source, ...input.options};
  if (input.weight !== 1) value.weight = input.weight;
  return {type: part, [part]: value};
}

/// What of an input can be read by itself: a film's sound is an input of its own.
export function partsToCheck(input, source) {
  const {use_audio: withSound, ...options} = input.options;
  const parts = [contentPart({...input, options, weight: 1}, source)];
  if (withSound) parts.push({type: "audio_url", audio_url: source});
  return parts;
}

// Of pictures, videos and sounds: the table of src/media/media_kind.cpp, which
// tests/media_kind_test.cpp compares with this one.
const kExtensions = {
  image: "jpg jpeg jpe jfif jif pjpeg pjp png apng webp bmp dib gif tif tiff heic heif heics " +
      "heifs hif avif avifs jxl jp2 j2k jpf jpx j2c ppm pgm pnm dng cr2 cr3 crw nef nrw arw srf sr2 orf " +
      "rw2 raf pef srw x3f erf kdc dcr mrw 3fr iiq rwl",
  video: "mp4 m4v mov qt mkv webm avi divx mpg mpeg mpe m1v m2v mpv vob wmv asf flv f4v ts mts " +
      "m2ts m2t 3gp 3gpp 3g2 ogv ogm mxf dv rm rmvb h264 264 hevc h265 265 ivf",
  audio: "wav wave w64 bwf rf64 flac mp3 mp2 mpa ogg oga opus spx m4a m4b m4r aac adts ac3 " +
      "eac3 wma aif aiff aifc au snd caf amr awb ape tta wv mka weba",
  depth: "exr pfm",
  imu: "csv tsv txt",
};

function senseOfName(file) {
  const type = file.type.split("/")[0];
  const extension = file.name.split(".").pop().toLowerCase();
  for (const [sense, list] of Object.entries(kExtensions))
    if (list.split(" ").includes(extension)) return sense;
  return ["image", "video", "audio"].includes(type) ? type : null;
}

/// 16-bit grey: a measurement, not a picture.
function isDeepPng(bytes) {
  return bytes.length > 25 && String.fromCharCode(...bytes.slice(1, 4)) === "PNG" &&
      bytes[24] === 16 && bytes[25] === 0;
}

/// The sense that a file is most probably meant for. Throws Error for a file of no known kind.
export async function guessSense(file) {
  const head = new Uint8Array(await file.slice(0, 1024).arrayBuffer());
  const shape = npyShape(head);
  if (shape) return shape.length === 2 && shape.includes(6) ? "imu" : "depth";
  if (String.fromCharCode(...head.slice(0, 4)) === "PK\x03\x04") return "imu";  // a phone's export
  const sense = senseOfName(file);
  if (!sense)
    throw new Error(`${
        file.name} is no picture, video, sound, thermal picture, depth map or motion recording.`);
  if (sense !== "image") return sense;
  if (/thermal|infrared|flir|(^|[_.-])ir([_.-]|$)/i.test(file.name)) return "thermal";
  return isDeepPng(head) || /depth/i.test(file.name) ? "depth" : sense;
}
