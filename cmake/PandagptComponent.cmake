# pandagpt_component(NAME media SOURCES a.cpp b.cpp [USES core ...] [LINK dep ...])
#
# Declares one layer of the library as an object library `pandagpt_<name>`. USES names lower layers
# of ours; naming a layer that is not yet declared (that is, a higher one) ends the configuration,
# which is how the order in the top-level CMakeLists.txt is kept true.
set_property(GLOBAL PROPERTY PANDAGPT_COMPONENTS "")

function(pandagpt_component)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;USES;LINK" ${ARGN})
  get_property(known GLOBAL PROPERTY PANDAGPT_COMPONENTS)
  foreach(used IN LISTS ARG_USES)
    if(NOT used IN_LIST known)
      message(FATAL_ERROR "Layering: '${ARG_NAME}' may not use '${used}' (declared: ${known})")
    endif()
  endforeach()

  set(target pandagpt_${ARG_NAME})
  add_library(${target} OBJECT ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                              ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE pandagpt_options PUBLIC ${ARG_LINK})
  if(NOT PANDAGPT_SANITIZE_LAYERS OR ARG_NAME IN_LIST PANDAGPT_SANITIZE_LAYERS)
    target_link_libraries(${target} PRIVATE pandagpt_instrumented)
  endif()
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(${target} PUBLIC pandagpt_${used})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY PANDAGPT_COMPONENTS ${ARG_NAME})
endfunction()
