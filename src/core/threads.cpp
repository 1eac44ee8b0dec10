#include "core/threads.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace pandagpt {
namespace {

// Hyper-threads of one core share its vector units, so two of them are counted once: the kernel
// lists the same siblings for both.
int allowed_physical_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 0;
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream in("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(in, siblings)) siblings = "cpu" + std::to_string(cpu);
    cores.insert(siblings);
  }
  return static_cast<int>(cores.size());
}

// A container's share of the processors (control groups v2), rounded up; 0 when unlimited.
int container_limit() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period) || period <= 0) return 0;  // "max" is not a number
  return std::max(1, static_cast<int>((quota + period - 1) / period));
}

}  // namespace

int default_thread_count() {
  int count = allowed_physical_cores();
  if (count == 0) count = static_cast<int>(std::thread::hardware_concurrency());
  if (const int limit = container_limit(); limit > 0) count = std::min(count, limit);
  return std::max(1, count);
}

}  // namespace pandagpt
