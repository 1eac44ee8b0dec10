#include "train/launch.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/threads.h"
#include "pandagpt/error.h"

namespace pandagpt::train {
namespace {

/// The variables of one launcher.
struct Launcher {
  const char* name;
  const char* rank;
  const char* world_size;
  const char* local_rank;
  const char* local_size;
};

// Open MPI before Slurm: mpirun inside an allocation passes the batch script's SLURM_ variables on.
// A batch script has SLURM_NTASKS too, but only srun's tasks have SLURM_STEP_NUM_TASKS.
constexpr Launcher kLaunchers[] = {
    {"torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE"},
    {"Slurm", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE"},
    {"MPI", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
};

constexpr int kSlurmPorts = 20000;  // jobs spread over 20000 .. 39999, so that two can share a node

std::string text_of(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? "" : value;
}

int number_of(const Environment& environment, const char* name, int fallback) {
  const std::string text = text_of(environment, name);
  if (text.empty()) return fallback;
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  // "4(x2)" is Slurm's way to say 4 on each of two nodes
  if (code != std::errc() || value < 0 || (end != text.data() + text.size() && *end != '('))
    throw Error(ErrorKind::kUsage, std::string(name) + " is '" + text + "': a number was expected");
  return value;
}

void read_environment(const Environment& environment, Launch& launch) {
  for (const Launcher& launcher : kLaunchers) {
    if (environment(launcher.rank) == nullptr || environment(launcher.world_size) == nullptr)
      continue;
    launch.rank = number_of(environment, launcher.rank, 0);
    launch.world_size = number_of(environment, launcher.world_size, 1);
    launch.local_rank = number_of(environment, launcher.local_rank, 0);
    launch.local_size = number_of(environment, launcher.local_size, 0);
    launch.launcher = launcher.name;
    return;
  }
}

std::string find_master(const Environment& environment, const Launch& launch) {
  if (const std::string given = text_of(environment, "MASTER_ADDR"); !given.empty()) return given;
  if (launch.launcher == "Slurm") {
    for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_NODELIST"})
      if (const std::string list = text_of(environment, name); !list.empty())
        return first_slurm_host(list);
  }
  if (launch.local_size >= launch.world_size) return "127.0.0.1";
  throw Error(ErrorKind::kUsage,
              "process " + std::to_string(launch.rank) + " of " +
                  std::to_string(launch.world_size) + " (from " + launch.launcher +
                  "): where is process 0? Give its machine with --master-addr or MASTER_ADDR");
}

int find_port(const Environment& environment, const Launch& launch) {
  const int given = number_of(environment, "MASTER_PORT", 0);
  // torchrun's own agent listens on that port, in the protocol of its own version of torch
  if (given > 0 && text_of(environment, "TORCHELASTIC_USE_AGENT_STORE") == "True") return given + 1;
  if (given > 0) return given;
  if (launch.launcher == "Slurm")
    return kSlurmPorts + number_of(environment, "SLURM_JOB_ID", 0) % kSlurmPorts;
  return kDefaultMasterPort;
}

}  // namespace

std::string first_slurm_host(const std::string& node_list) {
  const std::size_t end = node_list.find_first_of(",[");
  const std::string head = node_list.substr(0, end);
  if (end == std::string::npos || node_list[end] == ',') return head;
  const std::size_t number_end = node_list.find_first_of(",-]", end + 1);
  return head + node_list.substr(
                    end + 1, number_end == std::string::npos ? number_end : number_end - end - 1);
}

Launch find_launch(const LaunchFlags& flags, const Environment& environment) {
  Launch launch;
  if (flags.rank < 0 && flags.world_size == 0) read_environment(environment, launch);
  if (flags.world_size > 0) launch.world_size = flags.world_size;
  if (flags.rank >= 0) launch.rank = flags.rank;
  if (flags.world_size > 1 && flags.rank < 0)
    throw Error(ErrorKind::kUsage, "--world-size needs --rank: the number of this process");
  if (launch.world_size < 1 || launch.rank >= launch.world_size)
    throw Error(ErrorKind::kUsage, "process " + std::to_string(launch.rank) + " of " +
                                       std::to_string(launch.world_size) + " (from " +
                                       launch.launcher + "): numbers go from 0 to one less");
  if (launch.alone()) return launch;
  launch.master_addr =
      flags.master_addr.empty() ? find_master(environment, launch) : flags.master_addr;
  launch.master_port = flags.master_port > 0 ? flags.master_port : find_port(environment, launch);
  launch.local_addr = flags.local_addr;
  return launch;
}

int threads_per_process(const Launch& launch) {
  const int threads = default_thread_count();
  cpu_set_t mine;
  const bool bound = sched_getaffinity(0, sizeof(mine), &mine) == 0 &&
                     CPU_COUNT(&mine) < sysconf(_SC_NPROCESSORS_ONLN);
  return bound || launch.local_size < 2 ? threads : std::max(1, threads / launch.local_size);
}

}  // namespace pandagpt::train
