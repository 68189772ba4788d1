#!/bin/sh
# Brings everything that `make test` needs; a second run finds it all and ends at once.
set -eu

tools=$(cd "$(dirname "$0")" && pwd)
"$tools/apt.sh"
# The downloads and unpacking of one wait for the other's compiler: two at a time.
"$tools/rootfs.sh" bookworm &
bookworm=$!
"$tools/cargo-tool.sh" cargo-deny 0.20.2
wait "$bookworm"
"$tools/rootfs.sh" trixie &
trixie=$!
"$tools/cargo-tool.sh" garage 2.5.0 --no-default-features --features sqlite,bundled-libs
wait "$trixie"
