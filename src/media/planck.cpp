#include "media/planck.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <limits>

#include "media/temperature_unit.h"

namespace pandagpt {

bool PlanckCamera::has_constants() const {
  for (const double constant : {r1, r2, b, f, o})
    if (!std::isfinite(constant)) return false;
  return r1 > 0 && r2 > 0 && b > 0;
}

void PlanckCamera::repair(InputReport& report) {
  const auto keep_within = [&](double& value, double low, double high, double otherwise,
                               const char* what) {
    if (value >= low && value <= high) return;
    report.add(what, fmt::format("{:g}", otherwise),
               fmt::format("the file's {:g} can't be", value));
    value = otherwise;
  };
  constexpr double kRoom = 293.15;  // K
  constexpr double kColdest = 100, kHottest = 5000;
  constexpr double kLeast = 0.01;
  constexpr double kFarthest = 100'000;  // m
  constexpr double kPercent = 100;
  if (humidity > 2) humidity /= kPercent;  // some files have it so
  keep_within(emissivity, kLeast, 1, 1, "emissivity");
  keep_within(window_transmission, kLeast, 1, 1, "window's transmission");
  keep_within(distance, 0, kFarthest, 0, "distance");
  keep_within(humidity, 0, 1, 0, "humidity");
  keep_within(reflected, kColdest, kHottest, kRoom, "reflected temperature");
  keep_within(atmosphere, kColdest, kHottest, kRoom, "air's temperature");
  keep_within(window, kColdest, kHottest, kRoom, "window's temperature");
}

double PlanckCamera::air_transmission() const {
  // Water in the air (g/m^3 times a constant), of its temperature in Celsius.
  const double celsius = atmosphere + kAbsoluteZero;
  const double water =
      humidity * std::exp(1.5587 + 0.06939 * celsius - 0.00027816 * celsius * celsius +
                          0.00000068455 * celsius * celsius * celsius);
  const double way = std::sqrt(distance / 2);
  const double root = std::sqrt(water);
  const double through = x * std::exp(-way * (alpha1 + beta1 * root)) +
                         (1 - x) * std::exp(-way * (alpha2 + beta2 * root));
  return through > 0 && through <= 1 ? through : 1;
}

double PlanckCamera::counts_of(double kelvin) const {
  return r1 / (r2 * (std::exp(b / kelvin) - f)) - o;
}

void counts_to_celsius(std::span<float> values, const PlanckCamera& camera) {
  const double air = camera.air_transmission();  // object to window, and again window to sensor
  const double emissivity = camera.emissivity;
  const double window = camera.window_transmission;
  const double mirrored = camera.counts_of(camera.reflected);
  const double of_air = camera.counts_of(camera.atmosphere);
  const double others = (1 - emissivity) / emissivity * mirrored +
                        (1 - air) / emissivity / air * of_air +
                        (1 - window) / emissivity / air / window * camera.counts_of(camera.window) +
                        (1 - air) / emissivity / air / window / air * of_air;
  const double gain = 1 / (emissivity * air * window * air);
  for (float& value : values) {
    const double object = value * gain - others;
    const double kelvin =
        camera.b / std::log(camera.r1 / (camera.r2 * (object + camera.o)) + camera.f);
    value = std::isfinite(kelvin) && kelvin > 0 ? static_cast<float>(kelvin + kAbsoluteZero)
                                                : std::numeric_limits<float>::quiet_NaN();
  }
}

}  // namespace pandagpt
