#include "media/devices/gopro.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <string_view>

#include "core/warnings.h"
#include "media/byte_reader.h"
#include "media/devices/gpmf.h"
#include "media/ffmpeg.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kAxes = 3;
constexpr double kUsualPayloadSeconds = 1.001;  // 30 frames at 29.97 a second
constexpr double kMicrosecond = 1e-6;

[[noreturn]] void fail(const std::string& name, const std::string& why) {
  throw Error(ErrorKind::kInput, name + ": " + why);
}

// --- Axes ----------------------------------------------------------------------------------------

/// Cameras that don't say in which order they write X, Y and Z; lower case is the other direction.
/// The orders are those of gpmf-parser's README.
struct CameraAxes {
  std::string_view name;  ///< how the name begins
  std::string_view axes;
};
constexpr std::array kCameras = std::to_array<CameraAxes>({
    {"Camera", "ZXY"},  // HERO5, and with Karma
    {"HERO5", "ZXY"},
    {"Fusion", "yXZ"},
    {"Hero6", "YxZ"},
    {"Hero7", "YxZ"},
    {"Hero8", "YxZ"},
    {"HERO6", "YxZ"},
    {"HERO7", "YxZ"},
    {"HERO8", "YxZ"},
});

using Row = std::array<double, kAxes>;
using Matrix = std::array<Row, kAxes>;

std::optional<std::size_t> axis_of(char letter) {
  const int upper = std::toupper(static_cast<unsigned char>(letter));
  if (upper < 'X' || upper > 'Z') return std::nullopt;
  return static_cast<std::size_t>(upper - 'X');
}

/// The matrix from values in the order of `axes` to X, Y, Z; nothing for an order that is none.
std::optional<Matrix> matrix_of(std::string_view axes) {
  if (axes.size() != kAxes) return std::nullopt;
  Matrix matrix{};
  std::array<bool, kAxes> is_used{};
  for (std::size_t i = 0; i < kAxes; ++i) {
    const std::optional<std::size_t> axis = axis_of(axes[i]);
    if (!axis || is_used[*axis]) return std::nullopt;
    is_used[*axis] = true;
    matrix[*axis][i] = std::isupper(static_cast<unsigned char>(axes[i])) != 0 ? 1 : -1;
  }
  return matrix;
}

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix result{};
  for (std::size_t i = 0; i < kAxes; ++i)
    for (std::size_t j = 0; j < kAxes; ++j)
      for (std::size_t k = 0; k < kAxes; ++k)
        result[i][j] += a[i][k] * b[k][j];
  return result;
}

// --- Payloads ------------------------------------------------------------------------------------

/// One sensor's part of a payload.
struct Stream {
  std::vector<Row> values;      ///< in SI units, X, Y, Z
  std::optional<double> stamp;  ///< seconds of its first sample, on the camera's clock
  std::optional<double> tick;   ///< seconds of the payload, coarser
  std::string axes;             ///< for the report
};

struct Payload {
  std::string device;
  Stream acceleration;
  Stream rotation;
};

struct StreamItems {
  std::vector<GpmfItem> items;

  const GpmfItem* find(std::string_view key) const {
    const auto found = std::ranges::find(items, key, &GpmfItem::key);
    return found == items.end() ? nullptr : &*found;
  }
  std::vector<double> numbers(std::string_view key) const {
    const GpmfItem* item = find(key);
    return item == nullptr ? std::vector<double>{} : gpmf_numbers(*item);
  }
  std::string text(std::string_view key) const {
    const GpmfItem* item = find(key);
    return item == nullptr ? "" : gpmf_text(*item);
  }
};

/// From the numbers to X, Y, Z. A matrix of the camera that is more than an order is a calibration,
/// and leads to the order that ORIO names.
Matrix axes_of(const StreamItems& stream, const std::string& device, std::string& told) {
  const std::string in = stream.text("ORIN");
  const std::string out = stream.text("ORIO");
  const std::vector<double> values = stream.numbers("MTRX");
  const bool is_calibration =
      std::ranges::any_of(values, [](double value) { return value != 0 && std::abs(value) != 1; });
  if (const auto to_xyz = matrix_of(out);
      to_xyz && values.size() == kAxes * kAxes && (is_calibration || !matrix_of(in))) {
    Matrix matrix{};
    for (std::size_t i = 0; i < kAxes * kAxes; ++i)
      matrix[i / kAxes][i % kAxes] = values[i];
    told = "the camera's matrix, then " + out;
    return product(*to_xyz, matrix);
  }
  if (const auto matrix = matrix_of(in)) {
    told = in + ", as the camera says";
    return *matrix;
  }
  for (const CameraAxes& camera : kCameras)
    if (device.starts_with(camera.name)) {
      told = std::string(camera.axes) + ", by the camera's model";
      return *matrix_of(camera.axes);
    }
  told = "as they are stored: the camera doesn't say";
  return *matrix_of("XYZ");
}

std::vector<Row> scaled(const std::vector<double>& numbers, const std::vector<double>& divisors,
                        const Matrix& matrix) {
  if (numbers.size() % kAxes != 0 || (divisors.size() != 1 && divisors.size() != kAxes) ||
      std::ranges::find(divisors, 0.0) != divisors.end())
    throw OutOfBytes();
  std::vector<Row> rows(numbers.size() / kAxes);
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t channel = 0; channel < kAxes; ++channel) {
      const double value =
          numbers[i * kAxes + channel] / divisors[divisors.size() == 1 ? 0 : channel];
      for (std::size_t axis = 0; axis < kAxes; ++axis)
        rows[i][axis] += matrix[axis][channel] * value;
    }
  return rows;
}

/// Adds the samples of a stream to those that the payload has.
void read_stream(const StreamItems& items, std::string_view key, const std::string& device,
                 Stream& stream) {
  std::vector<double> divisors = items.numbers("SCAL");
  if (divisors.empty()) divisors = {1};
  const Matrix matrix = axes_of(items, device, stream.axes);
  const std::vector<Row> rows = scaled(items.numbers(key), divisors, matrix);
  stream.values.insert(stream.values.end(), rows.begin(), rows.end());
  if (const auto stamp = items.numbers("STMP"); !stamp.empty())
    stream.stamp = stamp.front() * kMicrosecond;
  if (const auto tick = items.numbers("TICK"); !tick.empty()) stream.tick = tick.front() / 1000;
}

/// The first device with an accelerometer; a drone or a sensor by radio may stand beside the
/// camera.
std::optional<Payload> read_device(const GpmfItem& device) {
  Payload payload;
  for (const GpmfItem& item : read_gpmf_items(device.data)) {
    if (item.key == "DVNM") payload.device = gpmf_text(item);
    if (item.key != "STRM") continue;
    const StreamItems stream{read_gpmf_items(item.data)};
    if (stream.find("ACCL") != nullptr)
      read_stream(stream, "ACCL", payload.device, payload.acceleration);
    else if (stream.find("GYRO") != nullptr)
      read_stream(stream, "GYRO", payload.device, payload.rotation);
  }
  if (payload.acceleration.values.empty()) return std::nullopt;
  return payload;
}

// --- Times ---------------------------------------------------------------------------------------

/// Puts the payloads of a recording together.
class Recording {
 public:
  explicit Recording(std::string name) : name_(std::move(name)) {}

  /// `start`, `seconds`: of the payload in its film, where it is in one.
  void add(ByteView bytes, std::optional<double> start, double seconds) {
    for (const GpmfItem& item : read_gpmf_items(bytes)) {
      if (item.key != "DEVC") continue;
      std::optional<Payload> payload = read_device(item);
      if (!payload || (!payloads_.empty() && payload->device != payloads_.front().device)) continue;
      n_samples_ += payload->acceleration.values.size() + payload->rotation.values.size();
      if (n_samples_ > 16 * kMaxImuSamples) fail(name_, "the recording is too long; cut the film");
      payloads_.push_back(std::move(*payload));
      starts_.push_back(start);
      seconds_ = seconds;
      if (start) return;  // one device in each payload of a film
    }
  }

  RawImu finish() {
    if (payloads_.empty())
      fail(name_, "its GPMF has no accelerometer; give a recording of a camera that has one");
    const ImuTrack acceleration = track_of(&Payload::acceleration);
    const ImuTrack rotation = track_of(&Payload::rotation);
    RawImu raw = rotation.values.empty() ? lone_accelerometer(acceleration)
                                         : join_tracks(acceleration, rotation, name_);
    raw.acceleration = stated_unit(AccelerationUnit::kMetresPerSecondSquared, "GPMF");
    raw.rotation = stated_unit(RotationUnit::kRadiansPerSecond, "GPMF");
    raw.report.format = "GPMF";
    const std::string& device = payloads_.front().device;
    raw.report.device = device == "Camera" ? "GoPro HERO5" : device;
    raw.report.add("axes", payloads_.front().acceleration.axes);
    raw.report.add("times", clock_);
    return raw;
  }

 private:
  using Part = Stream Payload::*;

  /// Whether both sensors have rising times of a sort.
  bool all_have(std::optional<double> Stream::*time) const {
    for (const Part part : {&Payload::acceleration, &Payload::rotation}) {
      double before = -1;
      for (const Payload& payload : payloads_) {
        const Stream& stream = payload.*part;
        if (stream.values.empty()) continue;
        if (!(stream.*time) || !(*(stream.*time) > before)) return false;
        before = *(stream.*time);
      }
    }
    return true;
  }

  /// When each payload's samples of a sensor begin.
  std::vector<double> starts_of(Part part) {
    std::vector<double> starts;
    const bool has_stamps = all_have(&Stream::stamp);
    const bool has_ticks = payloads_.size() > 1 && all_have(&Stream::tick);
    const bool is_film = starts_.front().has_value();
    clock_ = has_stamps  ? "the camera's time stamps"
             : is_film   ? "the film's"
             : has_ticks ? "the camera's ticks"
                         : "none: a payload is taken as 1.001 s";
    for (std::size_t i = 0; i < payloads_.size(); ++i) {
      const Stream& stream = payloads_[i].*part;
      starts.push_back(has_stamps  ? stream.stamp.value_or(0)
                       : is_film   ? *starts_[i]
                       : has_ticks ? stream.tick.value_or(0)
                                   : kUsualPayloadSeconds * static_cast<double>(i));
    }
    if (!has_stamps && !is_film && !has_ticks && !is_told_) {
      is_told_ = true;
      warn(name_ + ": GPMF without times; each payload is taken as GoPro's usual 1.001 s");
    }
    return starts;
  }

  /// The samples of a payload lie evenly up to the next one. The last payload, which ends where the
  /// film was stopped, has the steps of the one before.
  ImuTrack track_of(Part part) {
    const std::vector<double> starts = starts_of(part);
    const double usual = starts_.front() ? seconds_ : kUsualPayloadSeconds;
    double step = 0;
    ImuTrack track;
    for (std::size_t i = 0; i < payloads_.size(); ++i) {
      const std::vector<Row>& values = (payloads_[i].*part).values;
      if (values.empty()) continue;
      const auto count = static_cast<double>(values.size());
      if (i + 1 < payloads_.size() && starts[i + 1] > starts[i])
        step = (starts[i + 1] - starts[i]) / count;
      else if (step == 0)
        step = usual / count;
      for (std::size_t k = 0; k < values.size(); ++k) {
        track.seconds.push_back(starts[i] + step * static_cast<double>(k));
        track.values.push_back(values[k]);
      }
    }
    return track;
  }

  std::string name_;
  std::vector<Payload> payloads_;
  std::vector<std::optional<double>> starts_;
  double seconds_ = kUsualPayloadSeconds;  // of the last payload
  std::size_t n_samples_ = 0;
  const char* clock_ = "";
  bool is_told_ = false;
};

const AVStream* find_gpmf(AVFormatContext& film) {
  for (unsigned i = 0; i < film.nb_streams; ++i)
    if (film.streams[i]->codecpar->codec_tag == MKTAG('g', 'p', 'm', 'd')) return film.streams[i];
  return nullptr;
}

}  // namespace

RawImu read_gopro_film(MediaInput film) {
  const AVStream* stream = find_gpmf(film.format());
  if (stream == nullptr)
    film.fail("the film has no recording of motion (GPMF of a GoPro camera); give its table");
  film.read_only(*stream);
  Recording recording(film.name());
  const AvPacketPtr packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  const double unit = av_q2d(stream->time_base);
  try {
    while (film.read(*packet)) {
      const ByteView bytes(packet->data, static_cast<std::size_t>(packet->size));
      recording.add(bytes, static_cast<double>(packet->pts) * unit,
                    static_cast<double>(packet->duration) * unit);
    }
  } catch (const OutOfBytes&) {
    film.fail("its GPMF is damaged; get a complete copy of the film");
  }
  return recording.finish();
}

RawImu read_gpmf(ByteView bytes, const std::string& name) {
  Recording recording(name);
  try {
    recording.add(bytes, std::nullopt, kUsualPayloadSeconds);
  } catch (const OutOfBytes&) {
    fail(name, "the GPMF is truncated or damaged; get a complete copy of it");
  }
  return recording.finish();
}

}  // namespace pandagpt
