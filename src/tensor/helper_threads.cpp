#include "tensor/helper_threads.h"

#include <omp.h>

namespace pandagpt {

void end_helper_threads() {
  omp_pause_resource_all(omp_pause_soft);
}

}  // namespace pandagpt
