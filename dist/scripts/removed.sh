#!/bin/sh
# After the agent's package was removed. $1: `remove` or `purge` from dpkg, 0 from rpm; other words when another version
# comes. The configuration and the state of the node stay: they are not the package's.
set -e

# An agent that followed its pin has left the one before beside it.
case $1 in purge) rm -f /var/lib/stringless-agent.removed ;; esac
case $1 in remove | purge | 0) rm -f /usr/bin/stringless-agent.previous /usr/bin/stringless-agent.new ;; esac
[ ! -d /run/systemd/system ] || systemctl daemon-reload
