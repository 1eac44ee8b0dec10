// What every training run begins with.
#pragma once

#include <filesystem>

namespace pandagpt::train {

/// Threads of OpenMP's and libtorch's loops; 0: one a physical core.
void use_threads(int n_threads);

/// Makes the run's folder. Throws Error(kInput) if it can't be made.
void make_run_folder(const std::filesystem::path& out);

}  // namespace pandagpt::train
