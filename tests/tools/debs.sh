#!/bin/sh
# usage: debs.sh SUITE PACKAGE...
# Makes a small package archive in the cache, debs-SUITE: PACKAGE and what it needs beyond the root
# file system of that suite (rootfs.sh first). Machines that boot in a test install from it.
set -eu

suite=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
rootfs=$cache/rootfs-$suite
key=$( (cat "$0" && readlink "$rootfs" && echo "$@") | sha256sum | cut -c1-12)
dir=$cache/debs-$suite-$key

[ "$(readlink "$cache/debs-$suite" 2>/dev/null)" != "debs-$suite-$key" ] || [ ! -d "$dir" ] || exit 0
exec 9>"$cache/.lock-debs-$suite"
flock 9

echo "making the package archive of $suite in the cache"
scratch=$(mktemp -d "$cache/.build-debs-$suite.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
# apt of this machine, looking at the packages of that one.
apt() {
    apt-get -q -o Dir::State="$scratch/state" -o Dir::State::status="$rootfs/var/lib/dpkg/status" \
        -o Dir::Cache="$scratch/cache" -o Dir::Etc::sourcelist="$rootfs/etc/apt/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$@" >"$scratch/log" 2>&1 9>&- ||
        { cat "$scratch/log" >&2; exit 1; }
}
apt update
apt install --download-only --yes --no-install-recommends "$@"

mkdir "$scratch/out"
for deb in "$scratch/cache/archives"/*.deb; do
    # Named by the package alone: a version may hold what a URL must quote.
    name=${deb##*/}
    mv "$deb" "$scratch/out/${name%%_*}.deb"
done
for deb in "$scratch/out"/*.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d' ' -f1)"
done >"$scratch/out/Packages"
rm -rf "$dir"
mv "$scratch/out" "$dir"
ln -sfn "debs-$suite-$key" "$cache/debs-$suite"
for old in "$cache/debs-$suite"-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
