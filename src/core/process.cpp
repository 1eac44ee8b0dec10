#include "pandagpt/process.h"

#include <atomic>

namespace pandagpt {
namespace {

std::atomic<bool> ggml_kernels = false;
std::atomic<bool> huge_pages = false;

}  // namespace

void allow_process_changes(const ProcessChanges& allowed) {
  if (allowed.ggml_kernels) ggml_kernels = true;
  if (allowed.huge_pages) huge_pages = true;
}

ProcessChanges allowed_process_changes() {
  return {.ggml_kernels = ggml_kernels, .huge_pages = huge_pages};
}

}  // namespace pandagpt
