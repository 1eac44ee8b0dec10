# cmake -D FOLDER=web -D EXAMPLES=examples/data -D OUTPUT=web_files_data.cpp -P EmbedFiles.cmake
#
# Every file below FOLDER as a byte array, and those of EXAMPLES under /examples, for
# src/server/web_files.h.
cmake_minimum_required(VERSION 3.25)

function(content_type file type_variable)
  cmake_path(GET file EXTENSION LAST_ONLY extension)
  set(known_.html "text/html; charset=utf-8")
  set(known_.css "text/css; charset=utf-8")
  set(known_.js "text/javascript; charset=utf-8")
  set(known_.json "application/json")
  set(known_.svg "image/svg+xml")
  set(known_.png "image/png")
  set(known_.jpg "image/jpeg")
  set(known_.ico "image/x-icon")
  set(known_.wav "audio/wav")
  set(known_.mp4 "video/mp4")
  set(known_.avi "video/x-msvideo")
  set(known_.csv "text/csv; charset=utf-8")
  set(known_.npy "application/octet-stream")
  set(known_.webmanifest "application/manifest+json")
  if(NOT DEFINED known_${extension})
    message(FATAL_ERROR "${file}: no content type is known for '${extension}'; add it to cmake/EmbedFiles.cmake")
  endif()
  set(${type_variable} "${known_${extension}}" PARENT_SCOPE)
endfunction()

set(arrays "")
set(table "")
set(number 0)

# embed(FOLDER PREFIX): the files of FOLDER as those of PREFIX/.
macro(embed folder prefix)
  file(GLOB_RECURSE files RELATIVE ${folder} ${folder}/*)
  list(SORT files)
  foreach(file IN LISTS files)
    file(READ ${folder}/${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    content_type(${file} type)
    string(APPEND arrays "constexpr unsigned char kFile${number}[] = {${bytes}0};\n")
    string(APPEND table "    {\"${prefix}/${file}\", \"${type}\",\n     {reinterpret_cast<const char*>(kFile${number}), "
                        "sizeof(kFile${number}) - 1}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
endmacro()

embed(${FOLDER} "")
embed(${EXAMPLES} "/examples")
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
// Made from web/ and examples/data by cmake/EmbedFiles.cmake.
#include <array>

#include "server/web_files.h"

namespace pandagpt {
namespace {

@arrays@
const std::array<WebFile, @number@> kFiles{{
@table@}};

}  // namespace

std::span<const WebFile> web_files() {
  return kFiles;
}

}  // namespace pandagpt
]])
