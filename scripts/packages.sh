# The system packages that the project needs (sourced by setup.sh): checks, installs or names them.
# shellcheck shell=bash disable=SC2034


debian_base=(build-essential cmake ninja-build g++ pkg-config ccache git ca-certificates
  python3 python3-dev python3-venv
  libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libswresample-dev libjpeg-dev
  libtiff-dev libdnnl-dev ocl-icd-opencl-dev libutf8proc-dev libssl-dev zlib1g-dev libcurl4-openssl-dev
  libsqlite3-dev libcpp-httplib-dev nlohmann-json3-dev libcli11-dev libyaml-cpp-dev libspdlog-dev
  libgtest-dev libgmock-dev libbenchmark-dev)
# HEIC and AVIF pictures. Newer releases have libheif's decoders in packages of their own, which no
# other package brings without recommendations; where those aren't known, libheif has them inside.
debian_heif=(libheif-dev)
debian_heif_decoders=(libheif-plugin-libde265 libheif-plugin-dav1d)
# Compressed chunks of robots' logs (MCAP, ROS bags).
debian_logs=(liblz4-dev libzstd-dev libbz2-dev)
# Line editing and history in `pandagpt chat`.
debian_terminal=(libedit-dev)
# `pandagpt search`, and OpenBLAS, which is fast where the reference BLAS is not (also for the trainer).
debian_search=(libfaiss-dev libopenblas0-pthread)
# libtorch's CMake package names the Python headers' and gloo's targets, hence those two. Plots as
# PNG.
debian_train=(libtorch-dev libgloo-dev python3-dev librsvg2-dev)
# The browser that tests/web_page_test.py drives, letters for it, and the proxy of
# packaging/nginx.conf (tests/replicas_test.py); shells and groff for tests/completion_test.py.
debian_test=(chromium fonts-dejavu-core nginx-light zsh fish groff)

other_systems() {
  cat <<'TEXT'
      Packages are installed by this script on Debian and Ubuntu only. Elsewhere, install these
      (not tried by us) and run the script again; it goes on with whatever CMake finds.
        Fedora: sudo dnf install gcc-c++ cmake ninja-build pkgconf-pkg-config ccache git python3
                ffmpeg-free-devel libjpeg-turbo-devel libtiff-devel onednn-devel utf8proc-devel
                openssl-devel zlib-devel libcurl-devel sqlite-devel cpp-httplib-devel json-devel cli11-devel yaml-cpp-devel spdlog-devel libedit-devel gtest-devel
                gmock-devel google-benchmark-devel
        Arch:   sudo pacman -S --needed base-devel cmake ninja pkgconf ccache git python
                ffmpeg libjpeg-turbo libtiff onednn libutf8proc openssl zlib curl sqlite cpp-httplib nlohmann-json
                cli11 yaml-cpp spdlog libedit gtest benchmark
        macOS:  brew install cmake ninja pkgconf ccache python ffmpeg jpeg-turbo libtiff onednn
                utf8proc openssl@3 curl sqlite cpp-httplib nlohmann-json cli11 yaml-cpp spdlog googletest google-benchmark libomp
                llama.cpp
      `pandagpt search` also needs FAISS (Fedora: faiss-devel; Arch and Homebrew: faiss); without it
      everything else is built.
      HEIC and AVIF pictures need libheif (Fedora: libheif-devel; Arch and Homebrew: libheif).
      Compressed logs of robots (MCAP, ROS bags) need lz4, zstd and bzip2 (Fedora: lz4-devel, libzstd-devel,
      bzip2-devel; Arch and Homebrew: lz4, zstd, bzip2).
      libedit gives `pandagpt chat` line editing and history (part of macOS); it may be missing.
      The web page is tested with Chromium, where it is there.
      The trainer also needs libtorch with its CMake package (python-pytorch on Arch, pytorch in
      Homebrew) and librsvg; without libtorch everything else is built.
TEXT
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# A package that this release of the distribution has under no name can't be installed.
is_available() { [[ -n $(apt-cache madison "$1" 2>/dev/null) ]]; }

as_root() {
  if [[ $EUID -eq 0 ]]; then
    DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# install_packages WITH_TRAINER(yes|no) WITH_TESTS(yes|no)
install_packages() {
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    other_systems
    return
  fi

  local wanted=("${debian_base[@]}" "${debian_heif[@]}" "${debian_logs[@]}" "${debian_terminal[@]}" "${debian_search[@]}")
  local missing=() package
  [[ $1 == yes ]] && wanted+=("${debian_train[@]}")
  [[ $2 == yes ]] && wanted+=("${debian_test[@]}")
  for package in "${wanted[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  for package in "${debian_heif_decoders[@]}"; do
    if is_available "$package" && ! is_installed "$package"; then missing+=("$package"); fi
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    info "all ${#wanted[@]} packages are installed"
    return
  fi

  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    die "these packages are missing, and there is neither root nor sudo here. As root, run:
  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  info "installing ${#missing[@]} packages: ${missing[*]}"
  logged apt-update as_root apt-get update
  # Before that, a fresh system knows no packages.
  for package in "${debian_heif_decoders[@]}"; do
    if is_available "$package" && [[ " ${missing[*]} " != *" $package "* ]]; then
      is_installed "$package" || missing+=("$package")
    fi
  done

  local installable=()
  for package in "${missing[@]}"; do
    if is_available "$package"; then
      installable+=("$package")
    elif [[ " ${debian_train[*]} " == *" $package "* ]]; then
      warn "this system has no package $package: pandagpt-train may not be built"
    elif [[ " ${debian_heif[*]} " == *" $package "* ]]; then
      warn "this system has no package $package: HEIC and AVIF pictures can't be read"
    elif [[ " ${debian_logs[*]} " == *" $package "* ]]; then
      warn "this system has no package $package: some compressed logs of robots can't be read"
    elif [[ " ${debian_terminal[*]} " == *" $package "* ]]; then
      warn "this system has no package $package: pandagpt chat will have no line editing"
    elif [[ " ${debian_search[*]} " == *" $package "* ]]; then
      warn "this system has no package $package: pandagpt search may not be built"
    elif [[ " ${debian_test[*]} " == *" $package "* ]]; then
      warn "this system has no package $package: the web page or packaging/nginx.conf may not be tested"
    else
      die "this system has no package $package; see README.md for a plain CMake build"
    fi
  done
  [[ ${#installable[@]} -eq 0 ]] && return
  logged apt-install as_root apt-get install -y --no-install-recommends "${installable[@]}"
  dependencies_changed=yes
}
