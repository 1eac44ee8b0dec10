#include "server/random_id.h"

#include <unistd.h>

#include <array>
#include <cstdint>

#include "pandagpt/error.h"

namespace pandagpt {

std::string random_id(const std::string& prefix) {
  static constexpr char kAlphabet[] = "0123456789abcdef";
  std::array<std::uint8_t, kRandomIdDigits / 2> bytes;
  // The system's generator: what an id opens must not follow from ids that were seen before.
  if (getentropy(bytes.data(), bytes.size()) != 0)
    throw Error(ErrorKind::kInternal, "the system gives no random numbers");
  std::string id = prefix;
  for (const std::uint8_t byte : bytes) {
    id += kAlphabet[byte >> 4];
    id += kAlphabet[byte & 15];
  }
  return id;
}

}  // namespace pandagpt
