#!/bin/sh
# usage: qemu.sh SUITE
# Makes what a virtual machine boots in the cache, qemu-SUITE-KEY: vmlinuz, initrd and disk.img. The disk
# is the root file system of that suite (rootfs.sh first) with a small set of units: each start of a
# program costs an emulated processor dearly. It takes commands at its second serial port.
set -eu

suite=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${STRINGLESS_CACHE:-$root/.cache}
rootfs=$cache/rootfs-$suite
key=$( (cat "$0" && readlink "$rootfs") | sha256sum | cut -c1-12)
dir=$cache/qemu-$suite-$key

[ "$(readlink "$cache/qemu-$suite" 2>/dev/null)" != "qemu-$suite-$key" ] || [ ! -d "$dir" ] || exit 0
exec 9>"$cache/.lock-qemu-$suite"
flock 9

echo "making the virtual machine of $suite in the cache"
scratch=$(mktemp -d "$cache/.build-qemu-$suite.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/out" "$scratch/kernel"

# The kernel and a busybox of that suite, not installed: nothing else of their packages is needed.
mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
apt() {
    apt-get -q -o Dir::State="$scratch/state" -o Dir::State::status="$rootfs/var/lib/dpkg/status" \
        -o Dir::Cache="$scratch/cache" -o Dir::Etc::sourcelist="$rootfs/etc/apt/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$@" >"$scratch/log" 2>&1 9>&- ||
        { cat "$scratch/log" >&2; exit 1; }
}
apt update
apt install --download-only --yes --no-install-recommends linux-image-cloud-amd64 busybox-static
for deb in "$scratch"/cache/archives/linux-image-[0-9]*.deb "$scratch"/cache/archives/busybox-static_*.deb; do
    dpkg-deb -x "$deb" "$scratch/kernel"
done
cp "$scratch"/kernel/boot/vmlinuz-* "$scratch/out/vmlinuz"

# The initrd: the modules that the disk and the network need, unless this kernel has them built in.
initrd=$scratch/initrd
mkdir -p "$initrd/bin" "$initrd/dev" "$initrd/root" "$initrd/modules"
find "$scratch/kernel" -path '*/bin/busybox' -exec cp {} "$initrd/bin/busybox" \;
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk \
    failover net_failover virtio_net; do
    find "$scratch/kernel" \( -name "$module.ko" -o -name "$module.ko.xz" \) -exec cp {} "$initrd/modules/" \;
done
find "$initrd/modules" -name '*.xz' -exec unxz {} +
cat >"$initrd/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for turn in 1 2 3 4; do # until each has found what it needs
    for module in /modules/*.ko; do /bin/busybox insmod $module 2>/dev/null && /bin/busybox rm $module; done
done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
END
chmod 755 "$initrd/init"
(cd "$initrd" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$scratch/out/initrd"

# The disk.
disk=$scratch/disk
cp -ax "$rootfs/." "$disk"
: >"$disk/etc/fstab"
echo 5713697467656c65737331616c616232 >"$disk/etc/machine-id"
printf '127.0.0.1 localhost\n10.0.2.2 s3.test configs.s3.test files.test\n' >"$disk/etc/hosts"
# A name server that refuses at once; DHCP shall not bring another.
echo 'nameserver 127.0.0.1' >"$disk/etc/resolv.conf"
[ ! -f "$disk/etc/dhcp/dhclient.conf" ] ||
    echo 'supersede domain-name-servers 127.0.0.1;' >>"$disk/etc/dhcp/dhclient.conf"
# Where ifupdown does not bring up the network, systemd does, as on the cloud's images.
[ -x "$disk/usr/sbin/ifup" ] || systemctl --quiet --root="$disk" enable systemd-networkd.service
# Of cloud-init's modules those that user-data asks for; where it comes from is for it to find out.
cat >"$disk/etc/cloud/cloud.cfg.d/99-lab.cfg" <<'END'
locale: false
ssh_deletekeys: false
ssh_genkeytypes: [ed25519]
cloud_init_modules: [bootcmd, write-files, set_hostname, update_hostname, users-groups]
cloud_config_modules: [runcmd]
cloud_final_modules: [write-files-deferred, scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user, final-message]
END
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
    systemd-tmpfiles-clean.timer getty.target getty@tty1.service serial-getty@ttyS0.service \
    console-getty.service systemd-pstore.service remote-fs.target systemd-random-seed.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-journal-flush.service \
    systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount sys-kernel-config.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
    systemd-logind.service systemd-ask-password-wall.path systemd-ask-password-console.path \
    cloud-init-hotplugd.socket systemd-firstboot.service systemd-machine-id-commit.service \
    systemd-sysusers.service systemd-modules-load.service systemd-repart.service \
    kmod-static-nodes.service systemd-sysctl.service systemd-tmpfiles-setup-dev.service \
    systemd-tmpfiles-setup-dev-early.service systemd-tpm2-setup.service tmp.mount run-lock.mount \
    systemd-tpm2-setup-early.service systemd-hibernate-clear.service systemd-pcrmachine.service \
    systemd-udev-load-credentials.service; do
    ln -sf /dev/null "$disk/etc/systemd/system/$unit"
done
# Nothing is to be rebuilt at the first boot.
touch "$disk/etc/.updated" "$disk/var/.updated"
mkdir -p "$disk/etc/systemd/system/systemd-udev-trigger.service.d" "$disk/etc/systemd/system/sysinit.target.wants"
cat >"$disk/etc/systemd/system/systemd-udev-trigger.service.d/lab.conf" <<'END'
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=net --subsystem-match=block
END
# Each line that comes is a shell script in base64, each that goes what it printed.
cat >"$disk/etc/systemd/system/lab.service" <<'END'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
[Service]
Environment=HOME=/root LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/lab
END
ln -s ../lab.service "$disk/etc/systemd/system/sysinit.target.wants/lab.service"
cat >"$disk/lab" <<'END'
#!/bin/sh
exec <>/dev/ttyS1 >&0
stty raw -echo
echo ready
while read -r line; do
    printf %s "$line" | base64 -d | sh | base64 -w0
    echo
done
END
chmod 755 "$disk/lab"
mke2fs -q -F -t ext4 -O ^has_journal,^metadata_csum -d "$disk" "$scratch/out/disk.img" 700M >/dev/null

rm -rf "$dir"
mv "$scratch/out" "$dir"
ln -sfn "qemu-$suite-$key" "$cache/qemu-$suite"
for old in "$cache/qemu-$suite"-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
