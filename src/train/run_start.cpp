#include "train/run_start.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include "core/threads.h"
#include "pandagpt/error.h"

namespace pandagpt::train {

void use_threads(int n_threads) {
  const int threads = n_threads > 0 ? n_threads : default_thread_count();
  omp_set_num_threads(threads);
  at::set_num_threads(threads);
}

void make_run_folder(const std::filesystem::path& out) {
  std::error_code code;
  std::filesystem::create_directories(out, code);
  if (code) throw Error(ErrorKind::kInput, out.string() + ": can't be created: " + code.message());
}

}  // namespace pandagpt::train
