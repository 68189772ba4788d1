#!/bin/sh
# Before the agent's package is removed. $1: `remove` from dpkg, 0 from rpm; other words when another version comes.
set -e

case $1 in remove | 0) ;; *) exit 0 ;; esac
command -v systemctl >/dev/null || exit 0
[ ! -e /etc/systemd/system/stringless.timer ] || exit 0
systemctl --quiet disable stringless.timer
[ ! -d /run/systemd/system ] || systemctl stop stringless.timer stringless.service
