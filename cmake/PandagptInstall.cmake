# cmake --install: the public headers, libpandagpt, the programs, the CMake package, the models'
# manifests. Components: pandagpt (all of it but the trainer), train, and weights (the weight files
# of models/, hundreds of MB, hence installed only by `cmake --install DIR --component weights`).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pandagpt)
set(private_lib_dir ${CMAKE_INSTALL_LIBDIR}/pandagpt)  # llama.cpp's libraries, if they are ours
set(models_dir ${CMAKE_INSTALL_DATADIR}/pandagpt/models)
if(APPLE)
  set(origin "@loader_path")
else()
  set(origin "$ORIGIN")
endif()

# llama.cpp from scripts/setup.sh lives in the source tree, which may go away: its libraries are
# installed too, out of the linker's sight. One from elsewhere is left where it is.
if(llama_is_ours)
  file(GLOB llama_files "${llama_library_dir}/libllama.*" "${llama_library_dir}/libggml*")
  install(FILES ${llama_files} DESTINATION ${private_lib_dir} COMPONENT pandagpt)
  set(link_path OFF)
else()
  set(link_path ON)
endif()

file(RELATIVE_PATH bin_to_lib "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
set_target_properties(pandagpt PROPERTIES INSTALL_RPATH "${origin};${origin}/pandagpt"
                                          INSTALL_RPATH_USE_LINK_PATH ${link_path})
install(TARGETS pandagpt EXPORT pandagptTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT pandagpt
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT pandagpt
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT pandagpt
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

foreach(program IN ITEMS pandagpt_cli:pandagpt pandagpt-train:train)
  string(REPLACE ":" ";" program ${program})
  list(GET program 0 target)
  list(GET program 1 component)
  if(TARGET ${target})
    set_target_properties(${target} PROPERTIES
      INSTALL_RPATH "${origin}/${bin_to_lib};${origin}/${bin_to_lib}/pandagpt"
      INSTALL_RPATH_USE_LINK_PATH ${link_path})
    install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ${component})
    get_target_property(share_dir ${target} PANDAGPT_SHARE)  # manual pages and completions
    if(share_dir)
      install(DIRECTORY ${share_dir}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT ${component})
      install(DIRECTORY ${share_dir}/ DESTINATION ${CMAKE_INSTALL_DATADIR} COMPONENT ${component}
              PATTERN man EXCLUDE)
    endif()
  endif()
endforeach()

install(DIRECTORY include/pandagpt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT pandagpt)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT pandagpt)
set(manifests pandagpt)
if(PANDAGPT_PACKAGE)
  set(manifests weights)
endif()
install(DIRECTORY models/ DESTINATION ${models_dir} COMPONENT ${manifests}
        PATTERN "*.gguf" EXCLUDE PATTERN "*.part" EXCLUDE)
install(DIRECTORY models/ DESTINATION ${models_dir} COMPONENT weights EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.gguf"
        PATTERN "towers.gguf" EXCLUDE)  # a part of encoders.gguf

install(EXPORT pandagptTargets NAMESPACE pandagpt:: DESTINATION ${package_dir} COMPONENT pandagpt)
configure_package_config_file(cmake/pandagptConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/pandagptConfig.cmake
                              INSTALL_DESTINATION ${package_dir} PATH_VARS models_dir)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pandagptConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
# Its place is told from its own, so that the prefix may be moved.
file(RELATIVE_PATH pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/pandagpt.pc.in ${PROJECT_BINARY_DIR}/pandagpt.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pandagpt.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT pandagpt)
install(FILES ${PROJECT_BINARY_DIR}/pandagptConfig.cmake
              ${PROJECT_BINARY_DIR}/pandagptConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT pandagpt)
