// What `pandagpt --version` prints.
#pragma once

#include <string>

namespace pandagpt {

/// Lines without an end: the program with the commit that it was built from, llama.cpp and ggml,
/// and the devices found on this machine.
std::string version_text();

}  // namespace pandagpt
