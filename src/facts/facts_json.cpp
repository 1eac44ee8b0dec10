#include "facts/facts_json.h"

#include <cmath>

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

Json number_json(double value, int digits) {
  if (digits == 0) return std::llround(value);
  const double scale = std::pow(10.0, digits);
  const double rounded = std::round(value * scale) / scale;
  return rounded == 0 ? 0.0 : rounded;  // no -0.0
}

Json fact_json(const Fact& fact) {
  Json json;
  if (const auto* text = std::get_if<std::string>(&fact.value))
    json["value"] = *text;
  else
    json["value"] = number_json(std::get<double>(fact.value), fact.digits);
  if (!fact.unit.empty()) json["unit"] = fact.unit;
  if (fact.place) {
    json["x"] = fact.place->x;
    json["y"] = fact.place->y;
    json["where"] = fact.place->where;
  }
  if (fact.seconds) json["seconds"] = number_json(*fact.seconds, 2);
  return json;
}

}  // namespace

Json facts_json(const std::vector<InputFacts>& facts) {
  Json list = Json::array();
  for (const InputFacts& input : facts) {
    Json json{{"input", input.name}, {"modality", to_string(input.modality)}};
    if (!input.sentence.empty()) json["measured"] = input.sentence;
    for (const Fact& fact : input.facts) {
      if (fact.is_listed)
        json[fact.name].push_back(fact_json(fact));
      else
        json[fact.name] = fact_json(fact);
    }
    list.push_back(std::move(json));
  }
  return list;
}

std::string to_json(const std::vector<InputFacts>& facts) {
  return facts_json(facts).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pandagpt
