# Installs the library to a fresh folder, then builds and runs examples/ask against that folder
# alone, as a user's project would. Run by ctest as
#   cmake -D SOURCE_DIR=.. -D BUILD_DIR=.. -D WORK_DIR=.. -D GENERATOR=.. -D C_COMPILER=.. -P install_test.cmake
cmake_minimum_required(VERSION 3.25)

set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${WORK_DIR})

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output
                  ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "'${command}' ended with ${status}:\n${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix} --component pandagpt)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${SOURCE_DIR}/examples/ask -B ${WORK_DIR}/build
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
set(ask ${WORK_DIR}/build/ask)

# The program is loaded with all its libraries and reports a missing model as documented.
execute_process(COMMAND ${ask} ${WORK_DIR}/no-such-model picture.png "What is this?"
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
if(NOT status EQUAL 4 OR NOT errors MATCHES "no-such-model" OR NOT output STREQUAL "")
  message(FATAL_ERROR "Expected exit code 4 and a message with the folder's name on stderr; "
                      "got ${status}, stdout '${output}', stderr '${errors}'")
endif()
run(${prefix}/bin/pandagpt --version)

# The same in C: a C compiler alone, and no CMake.
file(GLOB library_dir LIST_DIRECTORIES true ${prefix}/lib ${prefix}/lib64 ${prefix}/lib/*-linux-gnu*)
foreach(dir IN LISTS library_dir)
  list(APPEND link -L ${dir} -Wl,-rpath,${dir})
endforeach()
run(${C_COMPILER} -std=c11 -Wall -Wextra -Wpedantic -Werror ${SOURCE_DIR}/examples/ask.c -o ${WORK_DIR}/ask_in_c
    -I ${prefix}/include ${link} -lpandagpt)
set(fixtures ${SOURCE_DIR}/tests/fixtures)
execute_process(COMMAND ${WORK_DIR}/ask_in_c ${fixtures}/tiny-panda "What is it?" image
                        ${fixtures}/encoders/photo_0.png
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
if(NOT status EQUAL 0 OR NOT output MATCHES "^A panda eats bamboo")
  message(FATAL_ERROR "examples/ask.c: exit code ${status}, stdout '${output}', stderr '${errors}'")
endif()

# With panda-mini's files there (scripts/setup.sh), a real answer.
set(model ${SOURCE_DIR}/models/panda-mini)
set(picture ${SOURCE_DIR}/.cache/demo/chelsea.png)
foreach(file ${model}/panda.json ${model}/llm.gguf ${model}/encoders.gguf ${picture})
  if(NOT EXISTS ${file})
    message(STATUS "${file} isn't there: no question is asked")
    return()
  endif()
endforeach()
execute_process(COMMAND ${ask} ${model} ${picture} "What is in the picture?"
                RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE errors)
string(STRIP "${output}" answer)
if(NOT status EQUAL 0 OR answer STREQUAL "")
  message(FATAL_ERROR "No answer (exit code ${status}): ${errors}")
endif()
message(STATUS "Answer: ${answer}")
