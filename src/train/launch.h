// Which process of a job this is: from flags, or from the environment that a launcher sets.
#pragma once

#include <functional>
#include <string>

namespace pandagpt::train {

/// One process of a job, and where its processes find each other.
struct Launch {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;
  int local_size = 0;              ///< processes on this machine; 0: not known
  std::string master_addr;         ///< host name or address of the machine of rank 0
  int master_port = 0;             ///< a free TCP port there
  std::string local_addr;          ///< address of this process; empty: the one that reaches rank 0
  std::string launcher = "flags";  ///< who said so

  bool alone() const { return world_size == 1; }
};

/// What the command line says; each value goes before the environment's.
struct LaunchFlags {
  int rank = -1;       ///< -1: not given
  int world_size = 0;  ///< 0: not given
  std::string master_addr;
  int master_port = 0;  ///< 0: not given
  std::string local_addr;
};

/// Value of an environment variable, or null.
using Environment = std::function<const char*(const char*)>;

/// Looks at flags, torchrun (RANK, WORLD_SIZE, ..), Open MPI (OMPI_COMM_WORLD_RANK, ..), Slurm
/// (SLURM_PROCID, ..) and MPICH or Intel MPI (PMI_RANK, ..), in this order; without any of them the
/// process is alone. Throws Error(kUsage) for values that don't fit together, or when no address is
/// known for a job of several machines.
Launch find_launch(const LaunchFlags& flags, const Environment& environment);

/// First host of a Slurm node list: "gpu[03-05,9],x1" -> "gpu03".
std::string first_slurm_host(const std::string& node_list);

/// Threads for one of the processes that share a machine. A launcher that binds its processes to
/// cores has divided them already.
int threads_per_process(const Launch& launch);

inline constexpr int kDefaultMasterPort = 29500;  // torch's

}  // namespace pandagpt::train
