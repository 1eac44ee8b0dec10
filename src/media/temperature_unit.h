// Units of temperature, as the programs of thermal cameras write them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace pandagpt {

inline constexpr double kAbsoluteZero = -273.15;  ///< degrees Celsius

enum class TemperatureUnit { kCelsius, kFahrenheit, kKelvin };

/// "C", "°C", "degC", "degree_Celsius", "celsius", "F", "K", "kelvin", ..; nothing for other words.
std::optional<TemperatureUnit> temperature_unit_from_name(std::string_view name);

/// Turns values of `unit` into degrees Celsius in place.
void turn_into_celsius(std::span<float> values, TemperatureUnit unit);

}  // namespace pandagpt
