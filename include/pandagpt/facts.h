// What can be measured in an input itself, without a model: the hottest point of a thermal picture,
// the nearest one of a depth map, steps, loudness, length, time and camera (docs/facts.md).
//
//   pandagpt::Inputs inputs;
//   inputs.add_file(pandagpt::Modality::kThermal, "oven.tiff");
//   for (const pandagpt::Fact& fact : pandagpt::measure(inputs).front().facts)
//     std::cout << fact.name << ' ' << pandagpt::to_string(fact) << '\n';
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "pandagpt/export.h"
#include "pandagpt/input.h"

namespace pandagpt {

/// A pixel of a picture or map as it is shown upright.
struct FactPlace {
  int x = 0;          ///< from the left edge
  int y = 0;          ///< from the upper edge
  std::string where;  ///< "upper left", "top", "centre", ..
};

/// One measurement. What can't be measured in an input has none: no number is made up.
struct Fact {
  std::string name;  ///< key in JSON: "hottest", "steps_per_minute"
  std::variant<double, std::string> value;
  std::string unit = {};  ///< "°C", "m", "s", ..; empty: a count, or a text
  int digits = 0;         ///< of a number, behind the point, that mean something
  std::optional<FactPlace> place = {};
  std::optional<double> seconds = {};  ///< when it was, from the beginning
  bool is_listed = false;              ///< one of several of this name
};
/// "36.5 °C, upper left (x 120, y 33)"
PANDAGPT_API std::string to_string(const Fact& fact);

struct InputFacts {
  Modality modality = Modality::kImage;
  std::string name;  ///< of the input
  std::vector<Fact> facts;
  /// The most important ones for people and for prompts: "Measured: hottest 36.5 °C at the upper
  /// left, .."; empty if there is nothing to tell.
  std::string sentence;
};

/// Facts of each input, by its sensor's options. Of a film the sound is no part (see
/// Inputs::add_sound_of_videos). Throws Error(kInput), "NAME: what; what to do", for what can't be
/// read.
PANDAGPT_API std::vector<InputFacts> measure(const Inputs& inputs, const InputLimits& limits = {});

/// [{"input": .., "modality": .., "measured": sentence, NAME: {"value": .., "unit": ..}, ..}, ..]
PANDAGPT_API std::string to_json(const std::vector<InputFacts>& facts);

}  // namespace pandagpt
