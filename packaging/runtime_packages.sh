#!/usr/bin/env bash
# Debian's packages with the libraries that the programs below a folder load.
#
#   packaging/runtime_packages.sh /opt/pandagpt
set -euo pipefail
prefix=$(realpath -- "${1:?usage: runtime_packages.sh PREFIX}")

libraries() {
  find "$prefix" -type f \( -perm -u+x -o -name '*.so*' \) -exec ldd {} + |
    awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u | grep -v "^$prefix/"
}

# A package's list may have /lib or /usr/lib, from before these became one, and doesn't have what
# update-alternatives links.
candidates=()
while read -r library; do
  file=$(realpath -- "$library")
  candidates+=("$library" "/usr$library" "$file" "${file#/usr}")
done < <(libraries)
# Those that no package has are complained about by dpkg, and expected.
{ dpkg-query --search "${candidates[@]}" 2>/dev/null || true; } | cut -d: -f1 | sort -u
