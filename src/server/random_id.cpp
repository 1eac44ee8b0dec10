#include "server/random_id.h"

#include <random>

namespace pandagpt {

std::string random_id(const std::string& prefix) {
  constexpr std::size_t kDigits = 24;
  static constexpr char kAlphabet[] = "0123456789abcdef";
  thread_local std::mt19937_64 generator{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> digit(0, 15);
  std::string id = prefix;
  for (std::size_t i = 0; i < kDigits; ++i)
    id += kAlphabet[digit(generator)];
  return id;
}

}  // namespace pandagpt
