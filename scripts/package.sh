#!/usr/bin/env bash
# Makes Debian packages of the programs and of panda-mini's weights; with --check also installs them in
# a bare Debian and asks a question there. See --help.
source "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
Usage: scripts/package.sh [--check]

Writes build/package/pandagpt_*.deb and pandagpt-panda-mini_*.deb, for any x86-64 processor with AVX2
(llama.cpp is built for it; our own kernels choose at run time).

  --check   installs debootstrap, makes a Debian of this machine's release in .cache/debian,
            installs the packages in it and asks panda-mini there (as root; 700 MB)
TEXT
}

check=no
for argument in "$@"; do
  case $argument in
    --check) check=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
command -v apt-get >/dev/null ||
  die "Debian packages are made on Debian and Ubuntu only; elsewhere: cmake --install"

"$root/scripts/setup.sh" --no-train
build=$root/build/package
steps=3
[[ $check == yes ]] && steps=5

step "llama.cpp for any processor with AVX2"
source "$root/scripts/llama.sh"
install_portable_llama

step "Build (build/package)"
source "$root/scripts/packages.sh"
is_installed dpkg-dev || logged apt-dpkg-dev as_root apt-get install -y --no-install-recommends dpkg-dev
logged configure cmake -G Ninja -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
  "-DCMAKE_PREFIX_PATH=$llama_prefix" -DPANDAGPT_PACKAGE=ON -DPANDAGPT_SOURCE_MODELS= -DPANDAGPT_BUILD_PYTHON=OFF -DPANDAGPT_BUILD_TRAIN=OFF \
  -DPANDAGPT_BUILD_TESTS=OFF -DPANDAGPT_BUILD_BENCH=OFF
built build cmake --build "$build" --parallel

step "Packages"
rm -f "$build"/*.deb
logged cpack cmake --build "$build" --target package
for package in "$build"/*.deb; do
  info "$(du -h "$package" | cut -f1)  $package"
done
[[ $check == yes ]] || exit 0

chroot=$cache/debian
in_chroot() { as_root chroot "$chroot" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")

step "A bare Debian ($release)"
is_installed debootstrap ||
  logged apt-debootstrap as_root apt-get install -y --no-install-recommends debootstrap
if mountpoint -q "$chroot/proc"; then as_root umount "$chroot/proc"; fi
as_root rm -rf "$chroot"
logged debootstrap as_root debootstrap --variant=minbase "$release" "$chroot" "${PANDAGPT_MIRROR:-http://deb.debian.org/debian}"
as_root cp "$build"/*.deb "$root/examples/data/coffee.jpg" "$root/examples/data/siren.wav" "$chroot/tmp/"

step "Installed there, and asked"
# The loader finds a program's own libraries by /proc/self/exe.
as_root mount -t proc proc "$chroot/proc"
trap 'as_root umount "$chroot/proc"' EXIT
logged chroot-install in_chroot sh -c 'apt-get update && apt-get install -y --no-install-recommends /tmp/*.deb'
in_chroot pandagpt --version
# ask WORD ARGUMENTS..: the answer must have the word.
ask() {
  local answer
  answer=$(in_chroot pandagpt ask --greedy "${@:2}")
  info "$answer"
  grep -qi -- "$1" <<<"$answer" || die "that isn't what panda-mini answers in the source tree ('$1')"
}
ask espresso --image /tmp/coffee.jpg "What drink is it?"
ask siren --audio /tmp/siren.wav "What do you hear?"
in_chroot sh -c 'test -s /usr/share/man/man1/pandagpt.1 || test -s /usr/share/man/man1/pandagpt.1.gz' ||
  die "the manual page is missing"
in_chroot test -s /lib/systemd/system/pandagpt.service || die "the systemd unit is missing"
logged chroot-remove in_chroot apt-get purge -y pandagpt pandagpt-panda-mini
left=$(in_chroot find / -xdev -path /proc -prune -o -path /tmp -prune -o -path /var/cache -prune -o -path /root -prune \
  -o -name '*pandagpt*' -print)
[[ -z $left ]] || die "removing the packages left: $left"
info "the packages were removed again, and left nothing"
