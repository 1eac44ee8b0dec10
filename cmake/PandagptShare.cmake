# pandagpt_share(TARGET): manual pages and completions, which the program makes of its options whenever it is
# built. They lie in build/share/TARGET (property PANDAGPT_SHARE of the target) as below /usr/share, and
# PandagptInstall installs them.
function(pandagpt_share target)
  if(CMAKE_CROSSCOMPILING)
    return()
  endif()
  set(folder ${PROJECT_BINARY_DIR}/share/${target})
  add_custom_command(TARGET ${target} POST_BUILD
                     COMMAND ${CMAKE_COMMAND} -E rm -rf ${folder}
                     COMMAND ${target} man --share ${folder}
                     COMMENT "Making manual pages and completions of ${target}" VERBATIM)
  set_target_properties(${target} PROPERTIES PANDAGPT_SHARE ${folder})
endfunction()
