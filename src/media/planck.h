// Counts of an infrared sensor -> temperature of what it sees, by the constants of its camera.
#pragma once

#include <span>

#include "media/input_report.h"

namespace pandagpt {

/// What a camera of FLIR's writes beside its counts. The sensor sees the object's radiation, weaker
/// by emissivity, air and window, and that of surroundings, air and window; each part's counts
/// follow from its temperature by Planck's law for the sensor's band:
///
///     counts = r1 / (r2 * (exp(b / kelvin) - f)) - o
struct PlanckCamera {
  double r1 = 0, r2 = 0, b = 0, f = 1, o = 0;
  double emissivity = 1;               ///< of the object, 0..1
  double distance = 0;                 ///< m
  double reflected = 293.15;           ///< K, apparent temperature of what the object mirrors
  double atmosphere = 293.15;          ///< K
  double window = 293.15;              ///< K
  double window_transmission = 1;      ///< 0..1
  double humidity = 0;                 ///< relative, 0..1
  double alpha1 = 0, alpha2 = 0;       ///< of the air's transmission
  double beta1 = 0, beta2 = 0, x = 0;  ///< likewise

  /// Whether there are constants at all: files of counts alone have zeros.
  bool has_constants() const;
  /// Values that can't be become those that change nothing; each is named in the report.
  void repair(InputReport& report);
  /// Share of the radiation that comes through half of the way.
  double air_transmission() const;
  double counts_of(double kelvin) const;
};

/// Counts in place -> degrees Celsius; NaN for counts that no temperature gives.
void counts_to_celsius(std::span<float> values, const PlanckCamera& camera);

}  // namespace pandagpt
