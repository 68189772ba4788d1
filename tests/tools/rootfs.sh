#!/bin/sh
# usage: rootfs.sh SUITE
# Makes a root file system as a cloud image has it (systemd, cloud-init, no kernel) in the cache:
# rootfs-SUITE, a link to rootfs-SUITE-KEY. Tests put an overlay on it and never write into it.
set -eu

suite=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
# A change of this script makes a new root file system.
key=$(sha256sum <"$0" | cut -c1-12)
dir=$cache/rootfs-$suite-$key

[ "$(readlink "$cache/rootfs-$suite" 2>/dev/null)" != "rootfs-$suite-$key" ] || [ ! -d "$dir" ] || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock-rootfs-$suite"
flock 9

include=systemd,systemd-sysv,udev,dbus,cloud-init,curl,ca-certificates,openssl,iproute2,netbase
case $suite in
bookworm) include=$include,isc-dhcp-client,ifupdown ;;
esac
# The archive that this machine installs from.
# shellcheck disable=SC2016 # apt expands these
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(IDENTIFIER)' |
    awk '$2 == "main" && $3 == "Packages" && $1 !~ /security/ { print $1; exit }')
if [ -z "$mirror" ]; then
    printf 'error: making rootfs-%s: apt knows no archive here\n\nhint: apt-get update\n' "$suite" >&2
    exit 1
fi

if [ ! -d "$dir" ]; then
    echo "making the root file system of $suite in the cache"
    scratch=$(mktemp -d "$cache/.build-$suite.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    mmdebstrap --quiet --variant=apt --mode=root --include="$include" \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$suite" "$scratch/root" "$mirror" 9>&-
    # An image that was never booted: the first boot makes its own identity.
    : >"$scratch/root/etc/machine-id"
    mv "$scratch/root" "$dir"
fi
ln -sfn "rootfs-$suite-$key" "$cache/rootfs-$suite"
for old in "$cache/rootfs-$suite"-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
