# cpack -G DEB: `pandagpt` (programs, library, headers, manual pages, completions, systemd unit) and
# `pandagpt-panda-mini` (the weights). For a tree configured with -D CMAKE_INSTALL_PREFIX=/usr;
# -D PANDAGPT_PACKAGE=ON; scripts/package.sh does it all.
find_package(Git QUIET)

# 0.2.0 for the commit tagged v0.2.0, else 0.2.0+git20261129.5c2a914: later than the release before.
set(package_version ${PROJECT_VERSION})
if(GIT_FOUND AND EXISTS ${PROJECT_SOURCE_DIR}/.git)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} tag --points-at HEAD
                  OUTPUT_VARIABLE tags ERROR_QUIET)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} log -1 --format=%cd.%h --date=format:%Y%m%d
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(commit AND NOT tags MATCHES "(^|\n)v${PROJECT_VERSION}(\n|$)")
    string(APPEND package_version "+git${commit}")
  endif()
endif()

# The unit in packaging/ is for a prefix of one's own.
file(READ ${PROJECT_SOURCE_DIR}/packaging/pandagpt.service unit)
string(REPLACE "/usr/local/" "/usr/" unit "${unit}")
string(REGEX REPLACE "#   cmake --install[^\n]*\n#   install -m 644[^\n]*\n" "" unit "${unit}")
file(WRITE ${PROJECT_BINARY_DIR}/package/pandagpt.service "${unit}")
install(FILES ${PROJECT_BINARY_DIR}/package/pandagpt.service DESTINATION lib/systemd/system
        COMPONENT deb EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/pandagpt
        COMPONENT deb EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/pandagpt-panda-mini
        COMPONENT weights EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME pandagpt)
set(CPACK_PACKAGE_VERSION ${package_version})
set(CPACK_PACKAGE_VENDOR "PandaGPT in C++")
set(CPACK_PACKAGE_CONTACT "PandaGPT in C++ <pandagpt@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL pandagpt deb weights)
set(CPACK_COMPONENT_PANDAGPT_GROUP programs)
set(CPACK_COMPONENT_DEB_GROUP programs)
set(CPACK_COMPONENT_WEIGHTS_GROUP weights)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME pandagpt)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION "multimodal assistant: asks a language model about pictures, sounds and sensors
 Answers questions about pictures, films, sounds, thermal pictures, depth maps
 and motion, on the command line, in the browser and over OpenAI's protocol.
 With the library, its headers and a systemd unit. The package pandagpt-panda-mini has a small model.")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${llama_library_dir})
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS "ca-certificates")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_RECOMMENDS "pandagpt-panda-mini")
set(CPACK_DEBIAN_WEIGHTS_PACKAGE_NAME pandagpt-panda-mini)
set(CPACK_DEBIAN_WEIGHTS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_WEIGHTS_PACKAGE_SECTION non-free/science)
set(CPACK_DEBIAN_WEIGHTS_PACKAGE_DEPENDS "pandagpt (>= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_WEIGHTS_DESCRIPTION "panda-mini, a small model for pandagpt
 135 million parameters, and towers for pictures, films, sounds, thermal
 pictures, depth maps and motion. For research and education only: see the
 copyright file and /usr/share/pandagpt/models/panda-mini/README.md.")
set(CPACK_THREADS 0)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)  # weights are as good as random
include(CPack)
