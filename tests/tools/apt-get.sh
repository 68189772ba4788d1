#!/bin/sh
# usage: apt-get.sh COMMAND [OPTION...]
# Runs apt-get on this machine's packages. While another program holds one of apt's locks, it tries again, for
# at most APT_LOCK_SECONDS (600): apt itself waits for the lock of dpkg alone, not for those of the lists and
# of the archives. What apt-get printed is shown where it fails.
set -eu

limit=${APT_LOCK_SECONDS:-600}
end=$(($(date +%s) + limit))
log=$(mktemp)
trap 'rm -f "$log"' EXIT
waiting=
while :; do
    code=0
    LC_ALL=C apt-get -o DPkg::Lock::Timeout=5 "$@" >"$log" 2>&1 || code=$?
    [ "$code" != 0 ] || exit 0
    if ! grep -qE 'Could not get lock|Unable to (lock|acquire)' "$log" || [ "$(date +%s)" -ge "$end" ]; then
        cat "$log" >&2
        exit "$code"
    fi
    if [ -z "$waiting" ]; then
        waiting=yes
        # With the process that holds the lock, where apt names it.
        sed -n 's/^[EW]: \(Could not get lock .*\)/waiting: \1/p' "$log" | head -n 1
    fi
    sleep 2
done
