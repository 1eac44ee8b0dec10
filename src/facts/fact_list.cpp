#include "facts/fact_list.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace pandagpt {
namespace {

constexpr int kFields = 3;  // each way
constexpr std::array<std::array<const char*, kFields>, kFields> kFieldNames{{
    {"upper left", "top", "upper right"},
    {"left", "centre", "right"},
    {"lower left", "bottom", "lower right"},
}};

int field_of(int position, int length) {
  return std::clamp(kFields * position / std::max(length, 1), 0, kFields - 1);
}

}  // namespace

std::string fixed(double value, int digits) {
  std::string text = fmt::format("{:.{}f}", value, digits);
  const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
  return is_zero && text.starts_with('-') ? text.substr(1) : text;
}

std::string counted(long count, const std::string& word, const std::string& plural) {
  return std::to_string(count) + ' ' + (count == 1 ? word : plural.empty() ? word + 's' : plural);
}

FactPlace place_of(int x, int y, int width, int height) {
  const auto row = static_cast<std::size_t>(field_of(y, height));
  const auto column = static_cast<std::size_t>(field_of(x, width));
  return {x, y, kFieldNames[row][column]};
}

std::string at_place(const FactPlace& place) {
  return (place.where == "centre" ? "in the " : "at the ") + place.where;
}

Fact& FactList::add(std::string name, double value, std::string unit, int digits) {
  facts_.push_back({std::move(name), value, std::move(unit), digits});
  return facts_.back();
}

Fact& FactList::add(std::string name, std::string text) {
  facts_.push_back({std::move(name), std::move(text)});
  return facts_.back();
}

InputFacts FactList::finish(Modality modality) {
  InputFacts result;
  result.modality = modality;
  result.facts = std::move(facts_);
  for (const std::string& part : said_)
    result.sentence += (result.sentence.empty() ? "Measured: " : ", ") + part;
  if (!result.sentence.empty()) result.sentence += '.';
  return result;
}

void add_size(FactList& list, int width, int height) {
  list.add("size", fmt::format("{} x {}", width, height)).unit = "pixels";
}

void add_holes(FactList& list, std::size_t n_missing, std::size_t n_pixels) {
  constexpr double kPercent = 100;
  if (n_missing > 0) list.add("no_value", kPercent * double(n_missing) / double(n_pixels), "%", 1);
}

std::string to_string(const Fact& fact) {
  std::string text;
  if (const auto* words = std::get_if<std::string>(&fact.value))
    text = *words;
  else
    text = fixed(std::get<double>(fact.value), fact.digits);
  if (!fact.unit.empty()) text += ' ' + fact.unit;
  if (fact.place)
    text += fmt::format(", {} (x {}, y {})", fact.place->where, fact.place->x, fact.place->y);
  if (fact.seconds) text += ", after " + fixed(*fact.seconds, 1) + " s";
  return text;
}

}  // namespace pandagpt
