# cmake -D SOURCE_DIR=.. -D OUTPUT=.. -P WriteCommit.cmake: a header with the commit of the sources, written anew
# only when it changes. Empty outside a git checkout.
find_package(Git QUIET)
set(commit "")
if(GIT_FOUND AND EXISTS ${SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${SOURCE_DIR} describe --always --exclude=* --dirty=-changed --abbrev=10
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(content "#pragma once\n#define PANDAGPT_COMMIT \"${commit}\"\n")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL content)
  file(WRITE ${OUTPUT} "${content}")
endif()
