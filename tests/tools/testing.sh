#!/bin/sh
# Makes what a machine of Debian's next release boots in the cache: rootfs-forky, and debs-forky with its OpenVox. Both
# cost more than a minute of two processors, and change by themselves each day: `make levels` wants them, no test of CI.
set -eu

suite=forky
tools=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The lists of an unreleased suite are valid for a week, and a mirror may stand still for longer. Their signature counts.
# `useradd`, which cloud-init calls, is no longer in a package that every system has.
cat >"$scratch/apt-get" <<END
#!/bin/sh
exec $(command -v apt-get) -o Acquire::Check-Valid-Until=false "\$@"
END
cat >"$scratch/mmdebstrap" <<END
#!/bin/sh
exec $(command -v mmdebstrap) --include=passwd --aptopt='Acquire::Check-Valid-Until "false"' "\$@"
END
chmod 755 "$scratch/apt-get" "$scratch/mmdebstrap"
export PATH="$scratch:$PATH"
"$tools/rootfs.sh" "$suite"
"$tools/debs.sh" "$suite" openvox-agent
