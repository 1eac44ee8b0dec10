# Every dependency of the inference library. llama.cpp is looked for in this order:
#   1. CMAKE_PREFIX_PATH and the system (Homebrew, AUR, your own install);
#   2. the project's own copy, which scripts/setup.sh has built in .cache/llama.cpp, or the one of a
#      llama-cpp-python that was built from source in .venv.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PkgConfig REQUIRED)

file(GLOB _pandagpt_own_llama
     ${PROJECT_SOURCE_DIR}/.cache/llama.cpp/lib/cmake
     ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/llama_cpp/lib/cmake
     ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/lib/cmake)
find_package(ggml CONFIG QUIET)
if(NOT ggml_FOUND)
  find_package(ggml CONFIG QUIET PATHS ${_pandagpt_own_llama} NO_DEFAULT_PATH)
endif()
find_package(llama CONFIG QUIET)
if(NOT llama_FOUND)
  find_package(llama CONFIG QUIET PATHS ${_pandagpt_own_llama} NO_DEFAULT_PATH)
endif()
if(NOT llama_FOUND OR NOT ggml_FOUND)
  message(FATAL_ERROR "llama.cpp was not found. Run scripts/setup.sh, or install llama.cpp with its "
                      "CMake configs and pass -DCMAKE_PREFIX_PATH=/its/prefix")
endif()

# Where its libraries are, and whether they are the project's own copy, which what we install takes along.
get_target_property(llama_library llama LOCATION)
cmake_path(GET llama_library PARENT_PATH llama_library_dir)
cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${llama_library_dir}" NORMALIZE llama_is_ours)

find_package(dnnl CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(yaml-cpp REQUIRED)
pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil libswscale
                  libswresample)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
pkg_check_modules(TIFF REQUIRED IMPORTED_TARGET GLOBAL libtiff-4>=4.5)
