// Marks what libpandagpt exports: everything else in it is hidden, and what is LOCAL in an exported
// class.
#pragma once

#if defined(__GNUC__)
#define PANDAGPT_API __attribute__((visibility("default")))
#define PANDAGPT_LOCAL __attribute__((visibility("hidden")))
#else
#define PANDAGPT_API
#define PANDAGPT_LOCAL
#endif
