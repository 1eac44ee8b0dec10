#include "media/imu_physics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "media/vector3.h"

namespace pandagpt {
namespace {

constexpr double kDegree = std::numbers::pi / 180;

Vector3 acceleration_of(const ImuSample& sample) {
  return {sample[0], sample[1], sample[2]};
}

Vector3 rotation_of(const ImuSample& sample) {
  return {sample[3], sample[4], sample[5]};
}

Vector3 cross(const Vector3& a, const Vector3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/// a + factor * b
Vector3 plus(const Vector3& a, double factor, const Vector3& b) {
  return {a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]};
}

double quantile(std::vector<double> values, double share) {
  const auto place =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, place);
  return *place;
}

/// Three axes that turn with the sensor, as they lie in those of its first moment.
class Frame {
 public:
  /// Turns by the rotation vector `turn` (radians) of the sensor's own axes.
  void turn(const Vector3& turn) {
    const double angle = length_of(turn);
    if (!(angle > 0)) return;
    const Vector3 axis = plus({}, 1 / angle, turn);
    const double sine = std::sin(angle);
    const double rest = 1 - std::cos(angle);
    std::array<Vector3, 3> turned{};
    for (int i = 0; i < 3; ++i) {  // Rodrigues' formula, of each unit vector
      Vector3 unit{};
      unit[i] = 1;
      const Vector3 first = cross(axis, unit);
      const Vector3 own = plus(plus(unit, sine, first), rest, cross(axis, first));
      turned[i] = in_first_frame(own);
    }
    axes_ = turned;
  }

  Vector3 in_first_frame(const Vector3& own) const {
    return plus(plus(plus({}, own[0], axes_[0]), own[1], axes_[1]), own[2], axes_[2]);
  }

 private:
  std::array<Vector3, 3> axes_{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
};

/// Moving means over `width` values, of which there are values.size() - width + 1.
std::vector<Vector3> moving_means(const std::vector<Vector3>& values, std::size_t width) {
  std::vector<Vector3> means;
  Vector3 sum{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum = plus(sum, 1, values[i]);
    if (i >= width) sum = plus(sum, -1, values[i - width]);
    if (i + 1 >= width) means.push_back(plus({}, 1.0 / static_cast<double>(width), sum));
  }
  return means;
}

/// Sums over all changes d of gravity's direction and the changes p that the rotations foretell.
struct Changes {
  double dd = 0;
  double dp = 0;
  double pp = 0;
  std::size_t count = 0;

  void add(std::span<const ImuSample> samples, double step, std::size_t smooth, std::size_t lag);
  double residual(double scale) const {
    const double squares = dd - 2 * scale * dp + scale * scale * pp;
    return count == 0 ? 0 : std::sqrt(std::max(0.0, squares / static_cast<double>(count)));
  }
};

void Changes::add(std::span<const ImuSample> samples, double step, std::size_t smooth,
                  std::size_t lag) {
  std::vector<Vector3> directions;
  std::vector<Vector3> foretold;  // integral of -w x u
  Vector3 sum{};
  Vector3 before{};
  for (const ImuSample& sample : samples) {
    const Vector3 a = acceleration_of(sample);
    const double length = length_of(a);
    const Vector3 direction = length > 0 ? plus({}, 1 / length, a) : Vector3{};
    const Vector3 change = cross(direction, rotation_of(sample));
    if (!directions.empty()) sum = plus(plus(sum, step / 2, before), step / 2, change);
    before = change;
    directions.push_back(direction);
    foretold.push_back(sum);
  }
  directions = moving_means(directions, smooth);
  foretold = moving_means(foretold, smooth);
  for (std::size_t i = lag; i < directions.size(); ++i) {
    const Vector3 d = plus(directions[i], -1, directions[i - lag]);
    const Vector3 p = plus(foretold[i], -1, foretold[i - lag]);
    dd += dot(d, d);
    dp += dot(d, p);
    pp += dot(p, p);
    ++count;
  }
}

std::size_t samples_in(double seconds, double step, std::size_t at_least) {
  return std::max(at_least, static_cast<std::size_t>(std::lround(seconds / step)));
}

}  // namespace

GravityFinding find_gravity(std::span<const ImuSample> samples, double step_seconds,
                            double rotation_factor) {
  constexpr double kWindow = 2;  // s
  std::vector<double> lengths;
  lengths.reserve(samples.size());
  for (const ImuSample& sample : samples)
    lengths.push_back(length_of(acceleration_of(sample)));
  const std::size_t width = std::min(samples.size(), samples_in(kWindow, step_seconds, 2));
  std::vector<double> plain;
  std::vector<double> turned_back;
  for (std::size_t begin = 0; begin + width <= samples.size(); begin += width) {
    Vector3 sum{};
    Vector3 sum_in_first{};
    Frame frame;
    for (const ImuSample& sample : samples.subspan(begin, width)) {
      const Vector3 a = acceleration_of(sample);
      sum = plus(sum, 1, a);
      sum_in_first = plus(sum_in_first, 1, frame.in_first_frame(a));
      frame.turn(plus({}, step_seconds * rotation_factor, rotation_of(sample)));
    }
    plain.push_back(length_of(sum) / static_cast<double>(width));
    turned_back.push_back(length_of(sum_in_first) / static_cast<double>(width));
  }
  return {.mean_length =
              std::max(quantile(std::move(plain), 0.5), quantile(std::move(turned_back), 0.5)),
          .usual_length = quantile(lengths, 0.5),
          .lowest_length = quantile(lengths, 0.05)};
}

RotationFinding compare_rotation(std::span<const ImuSample> samples, double step_seconds) {
  constexpr double kSmooth = 0.25;          // s
  constexpr double kLag = 0.5;              // s
  constexpr std::size_t kAtOnce = 1 << 14;  // samples: what is kept in memory
  const std::size_t smooth = samples_in(kSmooth, step_seconds, 1);
  const std::size_t lag = samples_in(kLag, step_seconds, 1);
  const std::size_t block = std::max(kAtOnce, 4 * (smooth + lag));
  Changes changes;
  RotationFinding finding;
  for (std::size_t begin = 0; begin < samples.size(); begin += block)
    changes.add(samples.subspan(begin, std::min(block, samples.size() - begin)), step_seconds,
                smooth, lag);
  double squares = 0;
  for (const ImuSample& sample : samples)
    squares += dot(rotation_of(sample), rotation_of(sample));
  finding.usual_speed =
      std::sqrt(squares / static_cast<double>(std::max<std::size_t>(1, samples.size())));
  if (changes.pp > 0) finding.scale = changes.dp / changes.pp;
  if (changes.pp > 0 && changes.dd > 0)
    finding.correlation = changes.dp / std::sqrt(changes.dd * changes.pp);
  finding.residual_as_rad = changes.residual(1);
  finding.residual_as_deg = changes.residual(kDegree);
  return finding;
}

}  // namespace pandagpt
