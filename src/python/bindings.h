// The parts of the module pandagpt._core. python/pandagpt has what users see.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <vector>

namespace pandagpt::python {

void bind_inputs(nanobind::module_& m);
void bind_panda(nanobind::module_& m);
void bind_embedder(nanobind::module_& m);
void bind_search(nanobind::module_& m);

using Rows = nanobind::ndarray<nanobind::numpy, float, nanobind::ndim<2>>;

/// (values / width, width), which owns the values.
Rows rows_of(std::vector<float> values, int width);

}  // namespace pandagpt::python
