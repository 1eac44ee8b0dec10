// The library's log as a logger of Python's: logging.getLogger("pandagpt").
#pragma once

namespace pandagpt::python {

/// Sends the log's lines from now on to Python's logging, those of warnings and above.
void send_log_to_python();

/// `level`: a number of Python's logging. Below it, lines aren't even written.
void set_log_level(int level);

}  // namespace pandagpt::python
