// Without FAISS there is no search; python/pandagpt/_search.py says so.
#include "python/bindings.h"

namespace pandagpt::python {

void bind_search(nanobind::module_& /*m*/) {}

}  // namespace pandagpt::python
