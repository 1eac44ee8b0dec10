# pandagpt_component(NAME media [WORKSHOP] SOURCES a.cpp b.cpp [USES core ...] [LINK dep ...])
#
# Declares one layer as an object library `pandagpt_<name>`. USES names lower layers of ours; naming
# a layer that is not yet declared (that is, a higher one) ends the configuration, which is how the
# order in the top-level CMakeLists.txt is kept true. WORKSHOP layers are no part of libpandagpt:
# only our programs and tests have them.
set_property(GLOBAL PROPERTY PANDAGPT_COMPONENTS "")
set_property(GLOBAL PROPERTY PANDAGPT_WORKSHOP_COMPONENTS "")

function(pandagpt_component)
  cmake_parse_arguments(ARG "WORKSHOP" "NAME" "SOURCES;USES;LINK" ${ARGN})
  get_property(known GLOBAL PROPERTY PANDAGPT_COMPONENTS)
  get_property(workshop GLOBAL PROPERTY PANDAGPT_WORKSHOP_COMPONENTS)
  if(ARG_WORKSHOP)
    list(APPEND known ${workshop})
  endif()
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
  if(ARG_WORKSHOP)
    set_property(GLOBAL APPEND PROPERTY PANDAGPT_WORKSHOP_COMPONENTS ${ARG_NAME})
  else()
    set_property(GLOBAL APPEND PROPERTY PANDAGPT_COMPONENTS ${ARG_NAME})
  endif()
endfunction()

# pandagpt_add_layers(TARGET layer ...): their objects, and what they link.
function(pandagpt_add_layers target)
  foreach(layer IN LISTS ARGN)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:pandagpt_${layer}>)
    get_target_property(libraries pandagpt_${layer} INTERFACE_LINK_LIBRARIES)
    list(FILTER libraries EXCLUDE REGEX "^pandagpt_")
    target_link_libraries(${target} PRIVATE ${libraries})
  endforeach()
endfunction()
