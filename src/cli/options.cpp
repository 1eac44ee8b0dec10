#include "cli/options.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "cli/typed_path.h"
#include "cli/web_file.h"
#include "core/user_folders.h"
#include "media/sensor_units.h"
#include "pandagpt/error.h"
#include "pipeline/manifest.h"
#include "preprocess/depth.h"

namespace pandagpt {
namespace {

constexpr const char* kCacheName = "embeddings.db";
constexpr const char* kModelGroup = "Model";
constexpr const char* kInputGroup = "Inputs";
constexpr const char* kSensorGroup = "Sensors (what their files don't say)";
constexpr const char* kSamplingGroup = "Answer";

std::string help_of(Modality modality) {
  switch (modality) {
    case Modality::kImage:
      return "a picture: JPEG, PNG, WebP, BMP, GIF or TIFF ('-': standard input)";
    case Modality::kVideo:
      return "a video";
    case Modality::kAudio:
      return "a sound";
    case Modality::kThermal:
      return "a thermal picture";
    case Modality::kDepth:
      return "a depth map";
    case Modality::kImu:
      return "a motion recording (IMU): table, NPY, folder or zip; several files of one recording "
             "as A.csv,B.csv";
  }
  return {};
}

/// "1.5,2". Throws CLI11's error, which names `option` and what it `takes`.
std::pair<double, double> parse_pair(const char* option, const std::string& text,
                                     const char* takes) {
  const std::size_t comma = text.find(',');
  double first = 0, second = 0;
  if (comma == std::string::npos || !CLI::detail::lexical_cast(text.substr(0, comma), first) ||
      !CLI::detail::lexical_cast(text.substr(comma + 1), second) || !std::isfinite(first) ||
      !std::isfinite(second))
    throw CLI::ValidationError(option, "takes " + std::string(takes) + ", not '" + text + "'");
  return {first, second};
}

void add_threads(CLI::App& command, int& n_threads) {
  command.add_option("-t,--threads", n_threads, "CPU threads; 0: one a physical core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024))
      ->group(kModelGroup);
}

void add_no_cache(CLI::App& command, bool& no_cache) {
  command
      .add_flag("--no-cache", no_cache,
                "encode inputs again that have been encoded before (they are remembered in "
                "$XDG_CACHE_HOME/pandagpt, else ~/.cache/pandagpt)")
      ->group(kModelGroup);
}

/// `options` with this user's file of embeddings.
template <typename Options>
Options with_cache(Options options, bool no_cache) {
  options.use_cache = options.use_cache && !no_cache;
  const std::filesystem::path folder = user_cache_folder();
  if (!no_cache && !folder.empty()) options.cache_file = (folder / kCacheName).string();
  return options;
}

/// "kinect1" or "FOCAL,BASELINE".
DepthCamera parse_depth_camera(const std::string& text) {
  const auto& known = depth_cameras();
  if (const auto found = known.find(text); found != known.end()) return found->second;
  const auto [focal_length, baseline] = parse_pair(
      "--depth-camera", text, "kinect1, kinect2, realsense, xtion or FOCAL,BASELINE (pixels, m)");
  return {static_cast<float>(focal_length), static_cast<float>(baseline)};
}

}  // namespace

std::string default_model_note() {
  try {
    const Manifest manifest = read_manifest(find_model(kDefaultModel));
    std::string note;
    for (const std::string& line : {manifest.limitations, manifest.licence_note})
      if (!line.empty()) note += "\n" + manifest.name + ": " + line;
    return note;
  } catch (const Error&) {
    return {};  // whoever opens it learns why
  }
}

void ModelArguments::add_positional_to(CLI::App& command) {
  command.add_option("MODEL", model, "the same as --model")->capture_default_str();
}

void ModelArguments::add_to(CLI::App& command) {
  command
      .add_option(
          "-m,--model", model,
          "model folder, or its name (see 'pandagpt models'); to ask or chat also a language "
          "model's GGUF file, for text alone")
      ->capture_default_str()
      ->group(kModelGroup);
  add_threads(command, options.n_threads);
  add_no_cache(command, no_cache);
  command
      .add_option("--device", options.device,
                  "auto (a GPU where there is one), cpu, or a device's name (cuda0)")
      ->capture_default_str()
      ->group(kModelGroup);
  command
      .add_option("--encoder-device", options.encoder_device,
                  "the same for the encoders alone (default: as --device)")
      ->group(kModelGroup);
  command
      .add_option("--ngl,--n-gpu-layers", options.n_gpu_layers,
                  "layers of the language model on the GPU; negative: all")
      ->capture_default_str()
      ->check(CLI::Range(-1, 1 << 20))
      ->group(kModelGroup);
  command
      .add_flag("!--no-repack", options.repack,
                "leave the language model in the mapped file as it is: opens at once and is shared "
                "by processes, but slower")
      ->group(kModelGroup);
  command
      .add_option("--rpc", options.rpc_servers,
                  "HOST:PORT,.. of llama.cpp's rpc-server on other machines that take layers")
      ->delimiter(',')
      ->group(kModelGroup);
  command
      .add_option("-c,--ctx-size", options.n_ctx,
                  "positions of a conversation; 0: the model folder's own value")
      ->capture_default_str()
      ->check(CLI::Range(0, 1 << 20))
      ->group(kModelGroup);
  command
      .add_flag("!--no-unsure", options.say_unsure,
                "don't begin answers about things unlike all that the model knows with \"I am not "
                "sure\"")
      ->group(kModelGroup);
  command
      .add_flag("--verify", options.verify,
                "compare the SHA-256 of every model file with the manifest before use")
      ->group(kModelGroup);
}

void add_system_message(CLI::App& command, PandaOptions& options) {
  command
      .add_option("--sys,--system,--system-prompt", options.system_message,
                  "system message: how to answer, before the conversation (a language model's GGUF "
                  "file whose chat template has one)")
      ->type_name("TEXT")
      ->group(kModelGroup);
}

void add_later_inputs(CLI::App& command, PandaOptions& options) {
  std::map<std::string, LaterInputs> names;
  for (const LaterInputs later : kAllLaterInputs)
    names[to_string(later)] = later;
  command
      .add_option("--later-inputs", options.later_inputs,
                  "inputs of a later question: replace those of the earlier ones, or keep them in "
                  "their own turns (default: the model folder's own value)")
      ->transform(CLI::CheckedTransformer(names).description(""))
      ->type_name("replace|keep")
      ->group(kModelGroup);
}

Panda ModelArguments::open() const {
  return Panda(model, completed_options());
}

PandaOptions ModelArguments::completed_options() const {
  PandaOptions completed = with_cache(options, no_cache);
  completed.on_warning = [](const std::string& warning) { spdlog::warn("{}", warning); };
  return completed;
}

void EmbedderArguments::add_to(CLI::App& command) {
  command.add_option("-m,--model", model, "model folder, its name, or an encoders file (*.gguf)")
      ->capture_default_str()
      ->group(kModelGroup);
  add_threads(command, options.n_threads);
  add_no_cache(command, no_cache);
  command
      .add_option("--device", options.device, "cpu, auto (a GPU where there is one), or its name")
      ->capture_default_str()
      ->group(kModelGroup);
}

Embedder EmbedderArguments::open() const {
  return Embedder(model, with_cache(options, no_cache));
}

void SensorArguments::add_to(CLI::App& command) {
  const std::function<void(const std::string&)> take_channel = [this](const std::string& text) {
    options.audio_channel = audio_channel_from_name(text);
    if (!options.audio_channel)
      throw CLI::ValidationError("--audio-channel", "takes auto, mix or a number from 1 to " +
                                                        std::to_string(kMaxAudioChannel) +
                                                        ", not '" + text + "'");
  };
  command
      .add_option_function("--audio-channel", take_channel,
                           "channel of sounds: auto (the first, or the loudest if that is silent), "
                           "mix, or its number (default: the model folder's, else 1)")
      ->type_name("CHANNEL")
      ->group(kSensorGroup);
  command
      .add_option("--video-frames", options.video_frames,
                  "shown (default): HDR in the standard range, pixels in their shape; stored: as "
                  "the reference's decoder gives them")
      ->transform(CLI::CheckedTransformer(video_frames()).description(""))
      ->type_name("shown|stored")
      ->group(kSensorGroup);
  command.add_option("--imu-rate", options.imu_rate_hz, "samples a second")
      ->type_name("HZ")
      ->check(CLI::PositiveNumber)
      ->group(kSensorGroup);
  command.add_option("--imu-accel-unit", options.acceleration_unit, "m/s2, g or mg")
      ->transform(CLI::CheckedTransformer(acceleration_units()).description(""))
      ->type_name("UNIT")
      ->group(kSensorGroup);
  command.add_option("--imu-gyro-unit", options.rotation_unit, "rad/s or deg/s")
      ->transform(CLI::CheckedTransformer(rotation_units()).description(""))
      ->type_name("UNIT")
      ->group(kSensorGroup);
  const std::function<void(const std::string&)> take_gravity = [this](const std::string& text) {
    options.imu_gravity = imu_gravity_from_name(text);
    if (!options.imu_gravity)
      throw CLI::ValidationError("--imu-gravity", "takes present or absent, not '" + text + "'");
  };
  command
      .add_option_function("--imu-gravity", take_gravity,
                           "present: acceleration without gravity is refused (default); absent: it "
                           "is taken as it is")
      ->type_name("GRAVITY")
      ->group(kSensorGroup);
  command
      .add_option("--imu-columns", options.imu_columns,
                  "columns of a table, counted from 1, where its header doesn't name them: "
                  "acc=3-5,gyro=6-8,time=1")
      ->type_name("COLUMNS")
      ->group(kSensorGroup);
  std::vector<std::string> encodings;
  for (const auto& [name, encoding] : depth_encodings())
    encodings.push_back(name);
  command
      .add_option("--depth-encoding", options.depth_encoding,
                  "what the numbers of depth maps are (default: auto, what the file tells, else "
                  "millimetres for whole numbers and metres for floats, with a warning)")
      ->transform(CLI::CheckedTransformer(depth_encodings()).description(""))
      ->type_name(CLI::detail::join(encodings, "|"))
      ->group(kSensorGroup);
  command
      .add_option("--depth-unit", options.depth_metres_per_unit,
                  "metres of one unit (0.001 for whole numbers, 1 for floats); with the encoding "
                  "disparity its pixels")
      ->type_name("METRES")
      ->check(CLI::PositiveNumber)
      ->group(kSensorGroup);
  const std::function<void(const std::string&)> take_camera = [this](const std::string& text) {
    const DepthCamera camera = parse_depth_camera(text);
    options.depth_focal_length = camera.focal_length;
    options.depth_baseline = camera.baseline;
  };
  command
      .add_option_function("--depth-camera", take_camera,
                           "kinect1 (default), kinect2, realsense, xtion, or its focal length in "
                           "pixels and baseline in metres: 518.9,0.075")
      ->type_name("CAMERA")
      ->group(kSensorGroup);
  const std::function<void(const std::string&)> take_range = [this](const std::string& text) {
    std::tie(options.thermal_coldest, options.thermal_warmest) = parse_pair(
        "--thermal-range", text, "COLDEST,WARMEST in degrees Celsius, or in the file's numbers");
  };
  command
      .add_option_function("--thermal-range", take_range,
                           "what is black and what is white in measurements: degrees Celsius where "
                           "the file gives degrees, else its own numbers (default: 1 % and 99 % "
                           "of the pixels)")
      ->type_name("COLDEST,WARMEST")
      ->group(kSensorGroup);
}

void InputArguments::add_to(CLI::App& command) {
  // The callbacks run while the line is read, so that --weight finds the input before it.
  for (const Modality modality : kAllModalities) {
    const std::function<void(const std::string&)> take = [this, modality](const std::string& file) {
      if (file.empty()) throw CLI::ValidationError("--" + to_string(modality), "the path is empty");
      std::vector<std::string> files = listed_files(file);
      for (std::string& path : files) {
        if (modality == Modality::kImu && &path != &files.front()) {  // of the same recording
          items_.back().parts.push_back({std::move(path)});
          continue;
        }
        Input input;
        input.modality = modality;
        input.name = std::move(path);
        items_.push_back(std::move(input));
      }
      text_is_last_ = false;
    };
    command.add_option_function("--" + to_string(modality), take, help_of(modality))
        ->type_name("FILE")
        ->trigger_on_parse()
        ->group(kInputGroup);
  }
  const std::function<void(const float&)> scale = [this](const float& weight) {
    if (items_.empty() && texts_.empty())
      throw CLI::ValidationError("--weight", "must follow the input it scales");
    (text_is_last_ ? texts_.back().weight : items_.back().weight) = weight;
  };
  command.add_option_function("--weight", scale, "scales the input named before it (1)")
      ->type_name("W")
      ->trigger_on_parse()
      ->group(kInputGroup);
  command.add_flag("--video-audio", video_audio_, "take the sound of each --video as well")
      ->group(kInputGroup);
  command.add_flag("--allow-urls", allow_urls_, "fetch inputs that are http(s) addresses")
      ->group(kInputGroup);
  sensor_.add_to(command);
}

void InputArguments::add_text_to(CLI::App& command) {
  const std::function<void(const std::string&)> take = [this](const std::string& text) {
    if (text.empty()) throw CLI::ValidationError("--text", "the text is empty");
    texts_.push_back({text});
    text_is_last_ = true;
  };
  command.add_option_function("--text", take, "a text")
      ->type_name("TEXT")
      ->trigger_on_parse()
      ->group(kInputGroup);
}

Inputs InputArguments::listed() const {
  Inputs all;
  for (const Input& item : items_)
    all.add(item);
  return all;
}

/// With the content of addresses, each fetched once.
Inputs InputArguments::with_web_content(const Inputs& inputs) const {
  Inputs result;
  for (Input input : inputs.items()) {
    if (is_web_address(input.name) && input.bytes.empty()) {
      if (!allow_urls_)
        throw Error(ErrorKind::kUsage, input.name + " is a web address: --allow-urls fetches it");
      Bytes& content = (*fetched_)[input.name];
      if (content.empty()) content = fetch_web_file(input.name);
      input.bytes = content;
    }
    result.add(std::move(input));
  }
  return result;
}

Inputs InputArguments::completed(Inputs inputs) const {
  inputs = with_web_content(inputs);
  inputs.set_sensor(sensor());
  if (video_audio_) inputs.add_sound_of_videos();
  return inputs;
}

bool InputArguments::takes_standard_input() const {
  return std::ranges::find(items_, std::string("-"), &Input::name) != items_.end();
}

void InputArguments::check_standard_input(const std::string& taken) const {
  const Inputs all = inputs();
  const auto count = std::ranges::count(all.items(), std::string("-"), &Input::name);
  if (count > 0 && !taken.empty())
    throw Error(ErrorKind::kUsage, "'-' can't be an input: standard input is " + taken);
  if (count > 1)
    throw Error(ErrorKind::kUsage,
                "'-' is needed twice: standard input can be read once; write it to a file");
}

void SamplingArguments::add_to(CLI::App& command) {
  const auto add = [&](const char* name, auto& field, const char* help) {
    command.add_option(name, field, help)->group(kSamplingGroup);
  };
  add("-n,--max-tokens,--predict,--n-predict", max_tokens, "length of the answer at most");
  add("--beams", n_beams, "beam search for the likeliest whole answer; 1: no");
  add("--temp,--temperature", temperature, "temperature; 0: always the most likely token");
  add("--top-p", top_p, "nucleus sampling: keep the likeliest tokens of this probability");
  add("--top-k", top_k, "keep the k likeliest tokens; 0: all");
  add("--min-p", min_p, "drop tokens below this part of the best one's probability");
  add("--repeat-penalty", repeat_penalty, "make recent tokens less likely; 1: no");
  add("--draft-max", n_draft,
      "draft tokens at most of prompt look-up decoding, which is used where it is faster; 0: off");
  add("-s,--seed", seed, "same seed, same answer (without it, a random one)");
  command.add_flag("--greedy", greedy, "always the most likely token")->group(kSamplingGroup);
}

GenerateOptions SamplingArguments::apply_to(GenerateOptions options) const {
  const auto apply = [](const auto& given, auto& field) {
    if (given) field = *given;
  };
  apply(max_tokens, options.max_tokens);
  apply(n_beams, options.n_beams);
  apply(temperature, options.temperature);
  apply(top_p, options.top_p);
  apply(top_k, options.top_k);
  apply(min_p, options.min_p);
  apply(repeat_penalty, options.repeat_penalty);
  apply(n_draft, options.n_draft);
  if (seed) options.seed = seed;
  options.greedy = options.greedy || greedy;
  options.validate();
  return options;
}

}  // namespace pandagpt
