#!/bin/sh
# node.sh DISK BUCKET COMMAND [ARG...]
#
# Runs a command as root of a throw-away machine and ends with its status. The machine has the
# programs of this one (read-only) and calls itself Debian 13. It has its own /etc, /var, /root and
# /usr/local, which stay in the folder DISK between calls; an empty /run (so no systemd is seen
# running), an own /proc, host name and process ids, and no network. Of this machine's files it
# sees only the folder BUCKET, read-only. Needs root, or user namespaces for everybody.
set -eu

main() {
    if [ "${1:-}" = --inside ]; then
        shift
        inside "$@"
    fi
    if [ $# -lt 3 ]; then
        echo "usage: node.sh DISK BUCKET COMMAND [ARG...]" >&2
        exit 64
    fi
    mkdir -p "$1"
    disk=$(cd "$1" && pwd -P)
    bucket=$(cd "$2" && pwd -P)
    shift 2
    format "$disk"
    can_isolate
    # shellcheck disable=SC2086 # one or two words
    exec unshare $namespaces --fork --kill-child \
        sh "$0" --inside "$(id -u)" "$disk" "$bucket" "$@"
}

# Says what is missing, with the command that brings it, or sets $namespaces.
can_isolate() {
    if [ "$(uname -s)" != Linux ]; then
        fail "running a throw-away machine needs Linux, this is $(uname -s)" "use a Linux machine or container"
    fi
    for tool in unshare mount umount pivot_root; do
        if ! PATH=$path command -v "$tool" >/dev/null; then
            fail "the program '$tool' is missing" "apt-get install util-linux mount (other systems: util-linux)"
        fi
    done
    namespaces='--mount --pid --uts --net --ipc'
    if [ "$(id -u)" != 0 ]; then
        namespaces="--user --map-root-user $namespaces"
    fi
    # shellcheck disable=SC2086
    if why=$(unshare $namespaces --fork --kill-child mount -t tmpfs none /mnt 2>&1); then
        return 0
    fi
    if [ "$(id -u)" = 0 ]; then
        fail "root may not make namespaces here ($why)" "in a container: start it with --privileged (or --cap-add SYS_ADMIN)"
    elif [ "$(sysctl -n kernel.apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ]; then
        fail "user namespaces are for root only here ($why)" \
            "run it as root, or: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    else
        fail "user namespaces are for root only here ($why)" \
            "run it as root, or: sudo sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1"
    fi
}

# What a new machine has on its disk.
format() {
    if [ -e "$1/etc/machine-id" ]; then
        return 0
    fi
    mkdir -p "$1/etc" "$1/var/lib" "$1/var/log" "$1/var/tmp" "$1/var/cache" "$1/root" \
        "$1/usr-local/bin" "$1/usr-local/sbin" "$1/machine"
    chmod 700 "$1/root"
    printf 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\n' >"$1/etc/os-release"
    for name in ld.so.cache ld.so.conf ld.so.conf.d alternatives; do
        if [ -e "/etc/$name" ]; then
            cp -RP "/etc/$name" "$1/etc/$name"
        fi
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
    echo 'root:x:0:' >"$1/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files\n' >"$1/etc/nsswitch.conf"
    printf '127.0.0.1 localhost\n' >"$1/etc/hosts"
    # As cloud-init leaves it when it has the instance id from a cloud.
    mkdir -p "$1/var/lib/cloud/data"
    echo web1 >"$1/var/lib/cloud/data/instance-id"
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$1/etc/machine-id.new"
    echo >>"$1/etc/machine-id.new"
    mv "$1/etc/machine-id.new" "$1/etc/machine-id"
}

# Puts the machine together, goes into it and becomes the command.
inside() {
    user=$1 disk=$2 bucket=$3
    shift 3
    new=$disk/machine
    hostname web1 2>/dev/null || true
    mount -t tmpfs -o mode=755 none "$new"

    for folder in usr bin sbin lib lib32 lib64 libx32; do
        if [ -L "/$folder" ]; then
            cp -P "/$folder" "$new/$folder"
        elif [ -d "/$folder" ]; then
            mkdir "$new/$folder"
            mount --rbind "/$folder" "$new/$folder"
            read_only "$new/$folder"
        fi
    done
    if [ -L /usr/local ]; then
        mkdir -p "$new$(readlink -f /usr/local)"
        mount --bind "$disk/usr-local" "$new$(readlink -f /usr/local)"
    else
        mount --bind "$disk/usr-local" "$new/usr/local"
    fi
    for folder in etc var root; do
        mkdir "$new/$folder"
        mount --bind "$disk/$folder" "$new/$folder"
    done

    mkdir "$new/proc" "$new/sys" "$new/dev" "$new/run" "$new/tmp" "$new/mnt" "$new/old" "$new/opt" "$new/srv"
    chmod 1777 "$new/tmp"
    mount -t proc -o nosuid,nodev,noexec none "$new/proc" ||
        fail "mounting /proc" "in a container: start it with --privileged"
    for device in null zero full random urandom tty; do
        : >"$new/dev/$device"
        mount --bind "/dev/$device" "$new/dev/$device"
    done
    ln -s /proc/self/fd "$new/dev/fd"
    mkdir -p "$new/dev/shm" "$new$bucket"
    mount --bind "$bucket" "$new$bucket"
    read_only "$new$bucket"

    cd "$new"
    pivot_root . old
    umount -l /old
    rmdir /old
    cd /
    # The environment of a script that a boot agent runs: close to nothing.
    exec env -i PATH="$path" TERM="${TERM:-dumb}" ${NO_COLOR:+NO_COLOR="$NO_COLOR"} "$@"
}

# Root could write to what is bound, so it must not be writable; a user could not anyway.
read_only() {
    if ! mount -o remount,bind,ro "$1" 2>/dev/null && [ "$user" = 0 ]; then
        fail "making '$1' read-only" "run it as a user who is not root"
    fi
}

fail() {
    printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2
    exit 69
}

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
main "$@"
