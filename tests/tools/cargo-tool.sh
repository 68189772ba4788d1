#!/bin/sh
# usage: cargo-tool.sh NAME VERSION [cargo install options]
# Builds a published crate's program into the cache, as NAME-VERSION/bin; once built it costs nothing.
# The tool serves the tests only, so it is built for a short build and not for speed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
name=$1
version=$2
shift 2
dir=$cache/$name-$version

[ ! -x "$dir/bin/$name" ] || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock-$name"
flock 9
[ ! -x "$dir/bin/$name" ] || exit 0

echo "building $name $version into the cache"
scratch=$(mktemp -d "$cache/.build-$name.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export CARGO_TARGET_DIR="$scratch/target"
export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 CARGO_PROFILE_RELEASE_STRIP=true
# Outside the work tree, so that its rust-toolchain.toml and profiles do not count.
(cd "$scratch" && cargo install --quiet --locked --root "$scratch/out" --version "$version" "$@" "$name")
rm -rf "$dir"
mv "$scratch/out" "$dir"
