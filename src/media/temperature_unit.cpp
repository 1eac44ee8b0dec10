#include "media/temperature_unit.h"

#include <array>
#include <string>

#include "core/ascii.h"

namespace pandagpt {

std::optional<TemperatureUnit> temperature_unit_from_name(std::string_view name) {
  std::string word = ascii_lower(name);
  for (const std::string_view sign : {"\xC2\xB0", "degrees", "degree", "deg", "_", " ", "."})
    for (std::size_t at; (at = word.find(sign)) != std::string::npos;)
      word.erase(at, sign.size());
  if (word == "c" || word == "celsius" || word == "\xE2\x84\x83") return TemperatureUnit::kCelsius;
  if (word == "f" || word == "fahrenheit" || word == "\xE2\x84\x89")
    return TemperatureUnit::kFahrenheit;
  if (word == "k" || word == "kelvin") return TemperatureUnit::kKelvin;
  return std::nullopt;
}

void turn_into_celsius(std::span<float> values, TemperatureUnit unit) {
  constexpr double kFreezingFahrenheit = 32;
  constexpr double kCelsiusPerFahrenheit = 5.0 / 9.0;
  for (float& value : values) {
    if (unit == TemperatureUnit::kKelvin) value = static_cast<float>(value + kAbsoluteZero);
    if (unit == TemperatureUnit::kFahrenheit)
      value = static_cast<float>((value - kFreezingFahrenheit) * kCelsiusPerFahrenheit);
  }
}

}  // namespace pandagpt
