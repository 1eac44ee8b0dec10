# llama.cpp (sourced by setup.sh): the system's if CMake finds one, else a pinned one built here.
#
# The pinned sources are those inside the source package of llama-cpp-python on PyPI, so the exact
# version comes through an ordinary package client, hash-checked. Only libllama and ggml are built.
# PANDAGPT_NATIVE=OFF builds for any x86-64 processor with AVX2 instead of this machine's own.
# shellcheck shell=bash disable=SC2034,SC2154,SC2016

llama_package=llama-cpp-python
llama_version=0.3.36
llama_sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
llama_prefix=$cache/llama.cpp   # also known to cmake/PandagptDependencies.cmake
llama_flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON "-DGGML_NATIVE=${PANDAGPT_NATIVE:-ON}" -DGGML_RPC=ON
  -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=OFF
  -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF)

# install_portable_llama: one for any x86-64 processor with AVX2, beside this machine's own.
install_portable_llama() {
  llama_prefix=$cache/llama.cpp-portable
  llama_flags=("${llama_flags[@]/#-DGGML_NATIVE=*/-DGGML_NATIVE=OFF}")
  install_llama
}

# Finds llama.cpp as CMake would without our own copy.
system_has_llama() {
  local probe=$cache/probe
  mkdir -p "$probe"
  cat >"$probe/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(probe LANGUAGES C CXX)
find_package(ggml CONFIG REQUIRED)
find_package(llama CONFIG REQUIRED)
CMAKE
  cmake -G Ninja -S "$probe" -B "$probe/build" >"$probe/log" 2>&1
}

# The instruction sets of this CPU: a library built with GGML_NATIVE must not run on another one,
# so a folder moved to another machine is built again.
cpu_identity() {
  if [[ -r /proc/cpuinfo ]]; then
    grep -m1 -E '^(model name|CPU part)' /proc/cpuinfo || true
    grep -m1 -E '^(flags|Features)' /proc/cpuinfo | cksum
  else
    sysctl -n machdep.cpu.brand_string 2>/dev/null || uname -m
  fi
}

install_llama() {
  local want stamp=$llama_prefix/stamp
  want=$(printf '%s\n' "$llama_package $llama_version $llama_sha256" "${llama_flags[*]}" "$root" \
    "$(cpu_identity)")
  if [[ -f $stamp && $(cat "$stamp") == "$want" ]]; then
    info "llama.cpp from $llama_package $llama_version is built"
    return
  fi
  if [[ ! -d $llama_prefix ]] && system_has_llama; then
    info "CMake finds the system's llama.cpp; it is used"
    return
  fi

  local sources=$cache/llama.cpp-sources
  if [[ ! -f $sources/sha256 || $(cat "$sources/sha256") != "$llama_sha256" ]]; then
    info "downloading llama.cpp's sources ($llama_package $llama_version, 77 MB)"
    rm -rf "$sources"
    mkdir -p "$sources"
    echo "$llama_package==$llama_version --hash=sha256:$llama_sha256" >"$sources/requirements.txt"
    logged llama-download "$venv_python" -m pip download --no-deps --require-hashes \
      --no-binary "$llama_package" --dest "$sources" --requirement "$sources/requirements.txt"
    tar -xzf "$sources"/llama_cpp_python-*.tar.gz -C "$sources" --strip-components=1
    rm "$sources"/llama_cpp_python-*.tar.gz
    echo "$llama_sha256" >"$sources/sha256"
  fi

  # An interrupted build goes on where it stopped: the objects stay in the sources' folder.
  local cpu="this CPU"
  [[ $llama_prefix == *-portable ]] && cpu="any x86-64 CPU with AVX2"
  info "building llama.cpp for $cpu (2 to 5 minutes on 2 cores)"
  rm -f "$stamp"
  local origin='$ORIGIN'
  [[ $(uname) == Darwin ]] && origin='@loader_path'
  logged llama-configure cmake -G Ninja -S "$sources/vendor/llama.cpp" -B "$sources/build" \
    "${llama_flags[@]}" -DCMAKE_INSTALL_LIBDIR=lib "-DCMAKE_INSTALL_PREFIX=$llama_prefix" \
    "-DCMAKE_INSTALL_RPATH=$origin"
  built llama-build cmake --build "$sources/build" --parallel
  logged llama-install cmake --install "$sources/build"
  mkdir -p "$llama_prefix/share/licenses/llama.cpp"
  cp "$sources/vendor/llama.cpp/LICENSE" "$llama_prefix/share/licenses/llama.cpp/"
  echo "$want" >"$stamp"
  dependencies_changed=yes
  rm -rf "$sources"
}
