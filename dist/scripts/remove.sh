#!/bin/sh
# Before the agent's package is removed. $1: `remove` from dpkg, 0 from rpm; other words when another version comes.
set -e

case $1 in remove | 0) ;; *) exit 0 ;; esac
command -v systemctl >/dev/null || exit 0
# The bootstrap script has made a schedule of its own.
for own in /etc/systemd/system/stringless.timer /etc/systemd/system/stringless.service /etc/cron.d/stringless; do
    [ ! -e "$own" ] || exit 0
done
if [ "$1" = remove ] && systemctl --quiet is-enabled stringless.timer; then
    : >/var/lib/stringless-agent.removed
fi
systemctl --quiet disable stringless.timer || :
[ -d /run/systemd/system ] || exit 0
systemctl stop stringless.timer || :
# A release that removes the package runs in the service itself.
[ -n "${STRINGLESS_SERIAL:-}" ] || systemctl stop stringless.service || :
