#!/bin/sh
# usage: all.sh WORK OUT TARGET...
# Makes everything that a release holds in OUT; in WORK it builds.
set -eu

dist=$(cd "$(dirname "$0")" && pwd)
work=$1
out=$2
shift 2
# The lists of flags and of files cannot hold other characters.
case $dist$work$out${CARGO_HOME:-$HOME} in
*[!A-Za-z0-9/._+-]*)
    printf 'error: making a release: the folder %s, or that of the crates, has a space or a sign in its name\n\n' "$dist" >&2
    printf 'hint: use a folder whose name has letters, digits and ._+- alone; CARGO_HOME names the folder of the crates\n' >&2
    exit 1
    ;;
esac
[ -z "$(git -C "$dist" status --porcelain)" ] ||
    echo "not reproducible: there are changes that are not committed" >&2
rm -rf "$work/programs" "$out"
mkdir -p "$work" "$out"
"$dist/build.sh" "$work" "$@"
"$dist/package.sh" "$work/programs" "$out"
"$dist/sbom.sh" "$out"
"$dist/sums.sh" "$out"
