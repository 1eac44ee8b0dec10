// What the library may do to the process that it is a part of. Without leave it does none of this.
//
//   pandagpt::allow_process_changes({.ggml_kernels = true, .huge_pages = true});  // as pandagpt
//   does
//
// What it does in any case: oneDNN is called with one OpenMP thread, for which the calling thread's
// omp_set_num_threads is 1 during the call and as before after it; weights are packed in an OpenMP
// loop; messages, llama.cpp's among them, go to spdlog's default logger.
#pragma once

#include "pandagpt/export.h"

namespace pandagpt {

struct ProcessChanges {
  /// Kernels of ours in ggml's CPU backend. They compute in all graphs of this process, also in
  /// those of others who use the same copy of ggml. Answers come faster (docs/benchmarks.md), and
  /// don't change with what is evaluated beside them. ggml has no public way to do this, so it is
  /// done with the releases that are known alone; another one is named in one line of the log, and
  /// computes by itself.
  bool ggml_kernels = false;
  /// madvise(MADV_HUGEPAGE) for every large private mapping that appears while a language model is
  /// loaded, also if another thread has made it. Models load faster where the system has huge pages
  /// to give.
  bool huge_pages = false;
};

/// Adds to what is allowed; nothing is taken back. Counts for models that are opened afterwards.
/// May be called by any thread.
PANDAGPT_API void allow_process_changes(const ProcessChanges& allowed);
PANDAGPT_API ProcessChanges allowed_process_changes();

}  // namespace pandagpt
