#include "cli/openmp_spins.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace pandagpt {
namespace {

constexpr const char* kSpinVariable = "GOMP_SPINCOUNT";
constexpr const char* kPolicyVariable = "OMP_WAIT_POLICY";
// Measured with bench/serve.py (docs/decisions/server.md); libgomp's own is 300,000.
constexpr const char* kSpins = "3000";

/// This process's as it was started: also where a loader or an emulator was, with the program as
/// its argument.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');)
    arguments.push_back(argument);
  return arguments;
}

}  // namespace

void limit_openmp_spins() {
  if (std::getenv(kSpinVariable) != nullptr || std::getenv(kPolicyVariable) != nullptr) return;
  std::vector<std::string> arguments = own_arguments();
  if (arguments.empty() || setenv(kSpinVariable, kSpins, 0) != 0) return;
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  spdlog::info("{} can't be set ({}); other programs may be slowed down", kSpinVariable,
               std::strerror(errno));
}

}  // namespace pandagpt
