# Language level, warnings, sanitizers, default build type, compiler cache.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# libpandagpt exports what is marked PANDAGPT_API alone.
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(PANDAGPT_CCACHE ccache)
if(PANDAGPT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${PANDAGPT_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PANDAGPT_CCACHE})
endif()

# Flags of our own targets only; dependencies keep theirs.
add_library(pandagpt_options INTERFACE)
target_compile_options(pandagpt_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                                  -Wno-sign-conversion)
# The sanitizers' share. -O1 and line numbers alone: a build of few minutes, and runs that aren't slower.
add_library(pandagpt_instrumented INTERFACE)
if(PANDAGPT_SANITIZE)
  target_compile_options(pandagpt_instrumented INTERFACE
                         -fsanitize=${PANDAGPT_SANITIZE} -fno-omit-frame-pointer -O1 -g1
                         -D_GLIBCXX_ASSERTIONS)
  target_link_options(pandagpt_options INTERFACE -fsanitize=${PANDAGPT_SANITIZE})
endif()
