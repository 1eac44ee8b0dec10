// The processes of one job, talking through torch's own c10d: Gloo, and NCCL for what is on GPUs.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>

#include "train/launch.h"

namespace pandagpt::train {

/// All methods are to be called by every process, in the same order. When a process is lost, or
/// doesn't answer in time, they throw Error(kInternal) on the others. A lone process needs no
/// peers: everything returns at once.
class Processes {
 public:
  /// A lone process.
  Processes();
  /// Meets the others; waits `timeout_s` for them, and as long for each later exchange. Throws
  /// Error(kInternal) if they don't come.
  Processes(const Launch& launch, double timeout_s);
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int rank() const { return launch_.rank; }
  int size() const { return launch_.world_size; }
  /// Number of this process on its machine.
  int local_rank() const { return launch_.local_rank; }
  /// The one that writes files and talks to the user.
  bool is_first() const { return rank() == 0; }

  /// `tensor` (contiguous) becomes the sum over all processes, with the same bits everywhere.
  void sum(const torch::Tensor& tensor);
  /// Starts the sum and returns at once; the returned function waits for it (for a tensor on a GPU:
  /// makes the work that is queued there later wait).
  std::function<void()> start_sum(const torch::Tensor& tensor);
  /// `tensor` becomes that of process 0.
  void broadcast(const torch::Tensor& tensor);
  /// Returns when all are here. Long work may lie before it: only a lost process ends the waiting.
  void wait_for_all();
  /// Throws Error(kInput) if `text` isn't the same everywhere; `what` names it.
  void require_same(const std::string& what, const std::string& text);

 private:
  struct Groups;

  std::function<void()> start_sum_on_gpu(const torch::Tensor& tensor);
  [[noreturn]] void fail(const std::exception& error) const;

  Launch launch_;
  double timeout_s_ = 0;
  std::unique_ptr<Groups> groups_;  // null in a lone process
};

}  // namespace pandagpt::train
