#!/bin/sh
# After the agent's package was installed. $1: `configure` from dpkg, with the version before in $2; 1 from rpm, 2 if
# it is an upgrade. The timer is on, but its service does nothing until there is /etc/stringless/agent.json.
set -e

command -v systemctl >/dev/null || exit 0
# The bootstrap script has made a schedule of its own.
for own in /etc/systemd/system/stringless.timer /etc/systemd/system/stringless.service /etc/cron.d/stringless \
    /var/lib/stringless/bootstrapped; do
    [ ! -e "$own" ] || exit 0
done
new=no
case "$1 ${2:-}" in 'configure ' | '1 ') new=yes ;; esac
# dpkg remembers a version that was removed and not purged, and names it.
if [ -e /var/lib/stringless-agent.removed ]; then
    rm -f /var/lib/stringless-agent.removed
    new=yes
fi
[ $new = no ] || systemctl --quiet enable stringless.timer
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
[ $new = no ] || systemctl --no-block start stringless.timer
