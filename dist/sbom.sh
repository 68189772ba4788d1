#!/bin/sh
# usage: sbom.sh OUT
# Writes what each program is made of, in CycloneDX's format: OUT/PROGRAM-VERSION.cdx.json.
set -eu

dist=$(cd "$(dirname "$0")" && pwd)
root=${dist%/*}
out=$(cd "$1" && pwd)
version=$("$dist/version.sh")
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}"
tool=$(find "$STRINGLESS_CACHE" -maxdepth 3 -path '*/cargo-cyclonedx-*/bin/cargo-cyclonedx' | sort | tail -n 1)

# The tool writes beside each Cargo.toml, so it gets a copy of those and of nothing else but empty programs.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$root"
git ls-files -- '*Cargo.toml' Cargo.lock rust-toolchain.toml '*/main.rs' '*/lib.rs' | tar --create --files-from=- | tar --extract --directory "$copy"
cd "$copy"
for program in generator:stringless agent:stringless-agent; do
    name=${program#*:}-$version.cdx
    "$tool" cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --target x86_64-unknown-linux-musl \
        --manifest-path "${program%:*}/Cargo.toml" --override-filename "$name"
    sed "s|file://$copy|file:///stringless|g" "${program%:*}/$name.json" >"$out/$name.json"
done
