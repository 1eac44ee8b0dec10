// Facts of one input while they are gathered.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "pandagpt/facts.h"

namespace pandagpt {

/// A measurement as people write it: "36.5", "-3", never "-0.0".
std::string fixed(double value, int digits);

/// "1 step", "22 steps". `plural`: of `word`; empty: with an s.
std::string counted(long count, const std::string& word, const std::string& plural = {});

/// Where a pixel lies, in words: the picture in three by three fields.
FactPlace place_of(int x, int y, int width, int height);
/// The same within a sentence: "at the upper left", "in the centre".
std::string at_place(const FactPlace& place);

class FactList {
 public:
  Fact& add(std::string name, double value, std::string unit, int digits);
  Fact& add(std::string name, std::string text);
  /// What the sentence says of it; parts are joined with commas.
  void say(std::string part) { said_.push_back(std::move(part)); }

  /// With the sentence "Measured: A, B, C."; the input's name is left to the caller.
  InputFacts finish(Modality modality);

 private:
  std::vector<Fact> facts_;
  std::vector<std::string> said_;
};

/// "size": "640 x 512" pixels.
void add_size(FactList& list, int width, int height);
/// "no_value": the share of pixels without a measurement, if there are some.
void add_holes(FactList& list, std::size_t n_missing, std::size_t n_pixels);

}  // namespace pandagpt
