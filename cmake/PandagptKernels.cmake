# pandagpt_kernel_variants(SOURCES_VARIABLE SOURCE ISA...)
#
# SOURCE, once for each instruction set (those of other processors are left out), with PANDAGPT_ISA
# defined as its name: the program chooses one at run time. SOURCES_VARIABLE gets the files to compile.
# Without -ffp-contract, ISO mode forbids fused multiply-add, half of the kernels' speed.
set(PANDAGPT_FLAGS_baseline -O3 -ffp-contract=fast -fno-math-errno -Wno-psabi
                            -Wno-maybe-uninitialized -Wno-uninitialized)  # GCC 12 about its own AVX-512 header
set(PANDAGPT_FLAGS_avx2 ${PANDAGPT_FLAGS_baseline} -mavx2 -mfma -mf16c)
set(PANDAGPT_FLAGS_avx512 ${PANDAGPT_FLAGS_baseline} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma
                          -mprefer-vector-width=512)
set(PANDAGPT_FLAGS_avx512_vnni ${PANDAGPT_FLAGS_avx512} -mavx512vnni)
set(PANDAGPT_FLAGS_avx512_bf16 ${PANDAGPT_FLAGS_avx512} -mavx512bf16)

function(pandagpt_kernel_variants sources_variable source)
  cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  cmake_path(GET source STEM stem)
  set(sources "")
  foreach(isa IN LISTS ARGN)
    if(NOT isa STREQUAL "baseline" AND NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
      continue()
    endif()
    set(variant ${CMAKE_CURRENT_BINARY_DIR}/${stem}_${isa}.cpp)
    file(CONFIGURE OUTPUT ${variant} @ONLY
         CONTENT "#define PANDAGPT_ISA @isa@\n#include \"@source@\"\n")
    set_source_files_properties(${variant} PROPERTIES COMPILE_OPTIONS "${PANDAGPT_FLAGS_${isa}}")
    list(APPEND sources ${variant})
  endforeach()
  set(${sources_variable} ${sources} PARENT_SCOPE)
endfunction()
