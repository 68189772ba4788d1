#!/bin/sh
# Brings everything that `make test` needs; a second run finds it all and ends at once.
set -eu

tools=$(cd "$(dirname "$0")" && pwd)
"$tools/apt.sh"
# Downloads and unpacking beside the compiler: they wait for different things.
(
    set -e
    for suite in bookworm trixie; do
        "$tools/rootfs.sh" "$suite"
        "$tools/qemu.sh" "$suite"
        "$tools/debs.sh" "$suite" puppet-agent
    done
    "$tools/openrc.sh" bookworm
) &
machines=$!
"$tools/zig.sh" &
zig=$!
"$tools/vectors.sh"
"$tools/pip.sh"
"$tools/nfpm.sh"
"$tools/cargo-tool.sh" cargo-deny 0.20.2
"$tools/mdbook.sh"
"$tools/cargo-tool.sh" cargo-fuzz 0.13.1
"$tools/cargo-tool.sh" garage 2.5.0 --no-default-features --features sqlite,bundled-libs
wait "$zig"
wait "$machines"
