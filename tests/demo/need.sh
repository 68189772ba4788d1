#!/bin/sh
# Says what this machine lacks for `make demo`, with the command that brings it, before minutes are
# spent on building.
set -eu

cpu=$(uname -m)
missing=
need() { # PROGRAM PACKAGE
    if ! command -v "$1" >/dev/null; then
        printf 'missing: %s\n' "$1" >&2
        missing="$missing $2"
    fi
}

need cc gcc
case $cpu in
x86_64 | aarch64) ;;
*)
    printf "error: building the agent: there is none for the CPU '%s' yet\n\nhint: use an x86_64 or aarch64 machine\n" \
        "$cpu" >&2
    exit 1
    ;;
esac
if [ -n "$missing" ]; then
    printf 'error: building for the demo: programs are missing\n\nhint: sudo apt-get install%s (other systems name them alike)\n' \
        "$missing" >&2
    exit 1
fi
if ! command -v cargo >/dev/null; then
    printf 'error: building for the demo: there is no Rust here\n\nhint: install it as https://rustup.rs says, then make demo again\n' >&2
    exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
"$(dirname "$0")/node.sh" "$folder/disk" "$folder" true
