#!/usr/bin/env bash
# Fills a folder with Debian trixie's C and C++ libraries, unpacked and not installed: the conformance runner of protobuf wants a
# newer libc than Debian 12 has. Keeps what is there. Usage: newer-libc.sh FOLDER
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
[ ! -e "$folder/usr/lib/x86_64-linux-gnu/libstdc++.so.6" ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
# The mirror that the system's own packages come from.
mirror=$(apt-get indextargets --format '$(SITE)' 'Origin: Debian' 'Label: Debian' 'Created-By: Packages' | head -n 1)
echo "deb ${mirror:?apt knows no mirror of Debian: run apt-get update} trixie main" >"$work/trixie.list"
# Lists and cache of its own: nothing of trixie becomes known to the system's apt.
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$work/trixie.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists" \
    -o Dir::Cache="$work/cache" -o APT::Architectures=amd64 -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
apt update
(cd "$work" && apt download libc6 libgcc-s1 libstdc++6)
for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
cp -a "$work/root/." "$folder/"
