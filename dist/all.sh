#!/bin/sh
# usage: all.sh WORK OUT TARGET...
# Makes everything that a release holds in OUT; in WORK it builds.
set -eu

dist=$(cd "$(dirname "$0")" && pwd)
work=$1
out=$2
shift 2
[ -z "$(git -C "$dist" status --porcelain)" ] ||
    echo "not reproducible: there are changes that are not committed" >&2
rm -rf "$work/programs" "$out"
mkdir -p "$work" "$out"
"$dist/build.sh" "$work" "$@"
"$dist/package.sh" "$work/programs" "$out"
"$dist/sbom.sh" "$out"
"$dist/sums.sh" "$out"
