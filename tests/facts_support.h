// Looking into facts.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "pandagpt/facts.h"

namespace pandagpt::test {

inline const Fact* find_fact(const InputFacts& facts, const std::string& name) {
  const auto found = std::ranges::find(facts.facts, name, &Fact::name);
  return found == facts.facts.end() ? nullptr : &*found;
}

/// NaN, and a failure of the test, without such a number.
inline double number_of(const InputFacts& facts, const std::string& name) {
  const Fact* fact = find_fact(facts, name);
  const double* number = fact == nullptr ? nullptr : std::get_if<double>(&fact->value);
  EXPECT_NE(number, nullptr) << name;
  return number == nullptr ? std::nan("") : *number;
}

inline std::string text_of(const InputFacts& facts, const std::string& name) {
  const Fact* fact = find_fact(facts, name);
  EXPECT_NE(fact, nullptr) << name;
  return fact == nullptr ? "" : to_string(*fact);
}

}  // namespace pandagpt::test
