#include "python/log.h"

#include <nanobind/nanobind.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

namespace nb = nanobind;

namespace pandagpt::python {
namespace {

constexpr const char* kLoggerName = "pandagpt";
// Of Python's logging.
constexpr int kDebug = 10, kInfo = 20, kWarning = 30, kError = 40, kCritical = 50;

int python_level(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug:
      return kDebug;
    case spdlog::level::info:
      return kInfo;
    case spdlog::level::warn:
      return kWarning;
    case spdlog::level::err:
      return kError;
    default:
      return kCritical;
  }
}

/// The GIL is its only lock: with one of its own, a thread that holds that lock and waits for the
/// GIL would meet another one that does the opposite.
class PythonSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (!nb::is_alive()) {  // a thread that outlives the interpreter
      std::fprintf(stderr, "pandagpt: %.*s\n", static_cast<int>(message.payload.size()),
                   message.payload.data());
      return;
    }
    const nb::gil_scoped_acquire gil;
    const nb::object text = nb::steal(
        PyUnicode_DecodeUTF8(message.payload.data(),
                             static_cast<Py_ssize_t>(message.payload.size()), "backslashreplace"));
    try {
      nb::module_::import_("logging")
          .attr("getLogger")(kLoggerName)
          .attr("log")(python_level(message.level), "%s", text);
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("a log handler");  // a line of the log is no reason to fail
    }
  }
  void flush_() override {}
};

}  // namespace

void send_log_to_python() {
  auto logger = std::make_shared<spdlog::logger>(kLoggerName, std::make_shared<PythonSink>());
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(int level) {
  spdlog::set_level(level <= kDebug     ? spdlog::level::debug
                    : level <= kInfo    ? spdlog::level::info
                    : level <= kWarning ? spdlog::level::warn
                    : level <= kError   ? spdlog::level::err
                                        : spdlog::level::critical);
}

}  // namespace pandagpt::python
