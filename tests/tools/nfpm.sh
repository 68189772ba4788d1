#!/bin/sh
# Brings nfpm, which makes packages for Debian, for rpm and for Alpine, into the cache: nfpm, a link to nfpm-KEY.
# It is a program of one file, pinned by its hash: what it packs is released. Once there it costs nothing.
set -eu

version=2.48.0
# Of the wheels for x86_64 and for aarch64.
hashes='e9ee0bd2382f312c8d6fcdf48ac89f1347d3ba309c278c9c0aa4004327dcf61d
605730f8d71196fb4f2d302fb5961099f2a1c0866ca6c588c6b77d3cc3816f7a'

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
key=$(sha256sum <"$0" | cut -c1-12)
dir=$cache/nfpm-$key

[ "$(readlink "$cache/nfpm" 2>/dev/null)" != "nfpm-$key" ] || [ ! -x "$dir/bin/nfpm" ] || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock-nfpm"
flock 9

if [ ! -x "$dir/bin/nfpm" ]; then
    echo "installing nfpm $version into the cache"
    scratch=$(mktemp -d "$cache/.build-nfpm.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    {
        printf 'nfpm==%s' "$version"
        printf '%s\n' "$hashes" | sed 's/.*/ --hash=sha256:&/' | tr -d '\n'
    } >"$scratch/requirements"
    # An environment of its own, because some systems let nobody else use their pip.
    python3 -m venv "$scratch/python" 9>&-
    "$scratch/python/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
        --only-binary :all: --target "$scratch/out" --requirement "$scratch/requirements" 9>&-
    chmod -R go+rX "$scratch/out"
    rm -rf "$dir"
    mv "$scratch/out" "$dir"
fi
ln -sfn "nfpm-$key" "$cache/nfpm"
for old in "$cache"/nfpm-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
