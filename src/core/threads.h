// How many threads to use.
#pragma once

namespace pandagpt {

/// Number of physical cores that this process may use (affinity, container limit), at least 1.
int default_thread_count();

}  // namespace pandagpt
