#!/bin/sh
# After the agent's package was installed. $1: `configure` from dpkg, with the version before in $2; 1 from rpm, 2 if
# it is an upgrade. The timer is on, but its service does nothing until there is /etc/stringless/agent.json.
set -e

command -v systemctl >/dev/null || exit 0
# The bootstrap script has made a schedule of its own.
[ ! -e /etc/systemd/system/stringless.timer ] || exit 0
case "$1 $2" in
'configure ' | '1 ') systemctl --quiet enable stringless.timer ;;
esac
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
case "$1 $2" in
'configure ' | '1 ') systemctl --no-block start stringless.timer ;;
esac
