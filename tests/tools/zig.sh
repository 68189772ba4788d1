#!/bin/sh
# Brings what links programs for FreeBSD into the cache: zig, a link to zig-KEY, with the C library's stubs
# and headers of that system, and cargo-zigbuild. Once there it costs nothing.
set -eu

packages='ziglang==0.15.2 cargo-zigbuild==0.24.0'

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
key=$(sha256sum <"$0" | cut -c1-12)
dir=$cache/zig-$key

[ "$(readlink "$cache/zig" 2>/dev/null)" != "zig-$key" ] || [ ! -e "$dir/whole" ] || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock-zig"
flock 9

if [ ! -e "$dir/whole" ]; then
    echo "installing $packages into the cache"
    # In its final place: it knows its own path.
    rm -rf "$dir"
    python3 -m venv "$dir" 9>&-
    # shellcheck disable=SC2086 # the list is words
    "$dir/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: $packages 9>&-
    touch "$dir/whole"
fi
ln -sfn "zig-$key" "$cache/zig"
for old in "$cache"/zig-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
