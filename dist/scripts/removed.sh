#!/bin/sh
# After the agent's package was removed. The configuration and the state of the node stay: they are not the package's.
set -e

[ ! -d /run/systemd/system ] || systemctl daemon-reload
