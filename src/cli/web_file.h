// Inputs behind web addresses.
#pragma once

#include <string>

#include "core/file.h"

namespace pandagpt {

/// The content of an http(s) address, which the user has asked for: on private networks too, and
/// through the proxy of the environment. Throws Error(kInput, "ADDRESS: ..").
Bytes fetch_web_file(const std::string& address);

}  // namespace pandagpt
