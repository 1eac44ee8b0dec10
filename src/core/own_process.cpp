// Linked into our own programs and tests: their process is theirs, so the library may use all of
// it.
#include "pandagpt/process.h"

namespace {

struct OwnProcess {
  OwnProcess() { pandagpt::allow_process_changes({.ggml_kernels = true, .huge_pages = true}); }
};
const OwnProcess own_process;

}  // namespace
