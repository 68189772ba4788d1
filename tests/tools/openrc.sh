#!/bin/sh
# usage: openrc.sh SUITE
# Makes a root file system with OpenRC in systemd's place in the cache, rootfs-openrc: that of the suite
# (rootfs.sh first) with other packages. Tests put an overlay on it and never write into it.
set -eu

suite=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
rootfs=$cache/rootfs-$suite
key=$( (cat "$0" && readlink "$rootfs") | sha256sum | cut -c1-12)
dir=$cache/rootfs-openrc-$key

[ "$(readlink "$cache/rootfs-openrc" 2>/dev/null)" != "rootfs-openrc-$key" ] || [ ! -d "$dir" ] || exit 0
exec 9>"$cache/.lock-rootfs-openrc"
flock 9

echo "making the root file system with OpenRC in the cache"
scratch=$(mktemp -d "$cache/.build-openrc.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
run() { "$@" >"$scratch/log" 2>&1 9>&- || { cat "$scratch/log" >&2; exit 1; }; }
apt() {
    run apt-get -q -o Dir::State="$scratch/state" -o Dir::State::status="$rootfs/var/lib/dpkg/status" \
        -o Dir::Cache="$scratch/cache" -o Dir::Etc::sourcelist="$rootfs/etc/apt/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
apt update
apt install --download-only --yes --no-install-recommends openrc sysvinit-core initscripts systemd-sysv-

disk=$scratch/root
cp -ax "$rootfs/." "$disk"
mkdir "$disk/debs"
cp "$scratch"/cache/archives/*.deb "$disk/debs"
# Nothing is started while it is installed.
printf '#!/bin/sh\nexit 101\n' >"$disk/usr/sbin/policy-rc.d"
chmod 755 "$disk/usr/sbin/policy-rc.d"
run env DEBIAN_FRONTEND=noninteractive chroot "$disk" sh -c 'dpkg --remove --force-depends --force-remove-protected systemd-sysv systemd && dpkg --install /debs/*.deb'
rm -r "$disk/debs" "$disk/usr/sbin/policy-rc.d"

# A container has no hardware, and its file systems are mounted.
echo 'rc_sys="systemd-nspawn"' >>"$disk/etc/rc.conf"
sed -i '/getty/d' "$disk/etc/inittab"
for service in brightness cgroups checkfs.sh checkroot-bootclean.sh checkroot.sh hwclock.sh mount-configfs \
    mountall-bootclean.sh mountall.sh mountdevsubfs.sh mountkernfs.sh mountnfs-bootclean.sh mountnfs.sh \
    networking procps udev urandom umountfs umountnfs.sh umountroot; do
    rm -f "$disk"/etc/runlevels/*/"$service"
done

rm -rf "$dir"
mv "$disk" "$dir"
ln -sfn "rootfs-openrc-$key" "$cache/rootfs-openrc"
for old in "$cache/rootfs-openrc"-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
