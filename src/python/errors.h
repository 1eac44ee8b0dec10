// pandagpt::Error as Python's exceptions: those of pandagpt/_errors.py, one class a kind.
#pragma once

#include <nanobind/nanobind.h>

#include "pandagpt/error.h"

namespace pandagpt::python {

/// From now on each Error that leaves the module is raised as its Python class.
void translate_errors();

/// The exception for `error`, not raised. Needs the GIL.
nanobind::object exception_of(const Error& error);

}  // namespace pandagpt::python
