#!/bin/sh
# usage: build.sh OUT TARGET...
# Builds both programs for each target into OUT/TARGET: the same bytes in whatever folder, for whatever user. The page
# of `stringless web` is built first, because the generator carries it.
# For FreeBSD only the agent, where zig is in the cache. The C compilers are those that the Makefile exports.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$1
shift
cd "$root"
export CARGO_TARGET_DIR="$out/build"
mkdir -p "$CARGO_TARGET_DIR"

# No path of this machine gets into a program: neither by Rust, nor by C.
map() {
    printf '%s=/stringless\n' "$root"
    printf '%s=/build\n' "$CARGO_TARGET_DIR"
    for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
        printf '%s=/crates\n' "${crates%/}"
    done
}
cargo fetch --locked --quiet
rust=$(map | sed 's/^/--remap-path-prefix=/' | tr '\n' ' ')
c=$(map | sed 's/^/-ffile-prefix-map=/' | tr '\n' ' ')

wasm=wasm32-unknown-unknown
RUSTFLAGS=$rust "${CARGO:-cargo}" build --locked --profile page --package stringless-page --lib --target "$wasm"
RUSTFLAGS=$rust "${CARGO:-cargo}" run --quiet --locked --package stringless-page --bin assemble-page -- \
    web/src/page "$CARGO_TARGET_DIR/$wasm/page/stringless_page.wasm" "$CARGO_TARGET_DIR/web"
export STRINGLESS_PAGE="$CARGO_TARGET_DIR/web/index.html.gz"

for target in "$@"; do
    name=$(printf %s "$target" | tr - _)
    upper=$(printf %s "$name" | tr '[:lower:]' '[:upper:]')
    flags="$(printenv "CFLAGS_$name" || :) $c"
    rustflags="$(printenv "CARGO_TARGET_${upper}_RUSTFLAGS" || :) $rust"
    case $target in
    *-freebsd) programs='stringless-agent:agent' build=cargo-zigbuild verb=zigbuild ;;
    *) programs='stringless-agent:agent stringless:dist' build=${CARGO:-cargo} verb=build ;;
    esac
    for program in $programs; do
        env "CFLAGS_$name=$flags" RUSTFLAGS="$rustflags" PATH="$STRINGLESS_CACHE/zig/bin:$PATH" \
            "$build" "$verb" --locked --profile "${program#*:}" --package "${program%:*}" --target "$target"
        install -D -m 0755 "$CARGO_TARGET_DIR/$target/${program#*:}/${program%:*}" "$out/programs/$target/${program%:*}"
    done
done
