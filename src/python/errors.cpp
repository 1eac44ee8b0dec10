#include "python/errors.h"

#include <string>

namespace nb = nanobind;

namespace pandagpt::python {
namespace {

const char* class_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return "UsageError";
    case ErrorKind::kInput:
      return "InputError";
    case ErrorKind::kModel:
      return "ModelError";
    case ErrorKind::kInternal:
      break;
  }
  return "InternalError";
}

/// Names of files in a message may hold any bytes.
nb::object text_of(const std::string& message) {
  return nb::steal(PyUnicode_DecodeUTF8(message.data(), static_cast<Py_ssize_t>(message.size()),
                                        "backslashreplace"));
}

void translate(const std::exception_ptr& thrown, void* /*payload*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& error) {
    const nb::object exception = exception_of(error);
    PyErr_SetObject(exception.type().ptr(), exception.ptr());
  }
}

}  // namespace

void translate_errors() {
  nb::register_exception_translator(translate);
}

nb::object exception_of(const Error& error) {
  const nb::module_ errors = nb::module_::import_("pandagpt._errors");
  return errors.attr("reported")(errors.attr(class_name(error.kind())), text_of(error.what()));
}

}  // namespace pandagpt::python
