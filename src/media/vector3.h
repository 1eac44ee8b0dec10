// Vectors of three axes: accelerations and rotations.
#pragma once

#include <array>
#include <cmath>

namespace pandagpt {

using Vector3 = std::array<double, 3>;

inline double dot(const Vector3& a, const Vector3& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

inline double length_of(const Vector3& a) {
  return std::sqrt(dot(a, a));
}

}  // namespace pandagpt
