// pandagpt._core: the library for Python, without comfort. python/pandagpt has what users see.
#include <nanobind/nanobind.h>

#include "python/bindings.h"
#include "python/errors.h"
#include "python/log.h"

NB_MODULE(_core, m) {
  namespace python = pandagpt::python;
  m.doc() = "The library behind the package pandagpt. Not a public interface.";
  m.attr("version") = PANDAGPT_VERSION;
  python::translate_errors();
  python::send_log_to_python();
  m.def("set_log_level", python::set_log_level, nanobind::arg("level"),
        "The lowest level, a number of Python's logging, of the lines that are written.");
  python::bind_inputs(m);
  python::bind_panda(m);
  python::bind_embedder(m);
  python::bind_search(m);
}
