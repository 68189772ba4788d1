#!/bin/sh
# Installs the Debian packages that the build and the tests need; those already there cost nothing.
# A test names the tool it misses, so that other systems can bring them in their own way.
set -eu

# build: C compilers for both Linux agents, a C++ one for the fuzzer, and what brings zig for FreeBSD
packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static g++ python3-venv'
# shells that refuse what is not POSIX, and one that small systems really have
packages="$packages dash posh yash busybox shellcheck"
# peers: signatures, TLS, machines, engine
packages="$packages minisign openssl stunnel4 curl wget ca-certificates jq time strace libfaketime"
packages="$packages iproute2 nftables iptables systemd-container qemu-system-x86 mmdebstrap debian-archive-keyring puppet-agent"
# what else assembles control repos: judges and benchmarks
packages="$packages git r10k g10k"
# readers of renderings
packages="$packages packer genisoimage ignition nix-bin"
# the package tools of other distributions, and what makes packages for them
packages="$packages dnf zypper rpm createrepo-c gpg gpg-agent pacman-package-manager makepkg libarchive-tools dpkg-dev"
# the browser that shows the page, with a font for what it draws
packages="$packages chromium fonts-dejavu-core"
# the judge of packages for Debian
packages="$packages lintian"

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=absent
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "error: installing packages: no apt-get here; bring these yourself:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    printf 'error: installing packages: not root\n\nhint: sudo apt-get install --no-install-recommends%s\n' "$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing:$missing"
apt_get="$(dirname "$0")/apt-get.sh"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_missing() {
    # shellcheck disable=SC2086 # the list is words
    "$apt_get" install -y -q -o Dpkg::Use-Pty=0 --no-install-recommends $missing
}
# Package lists that are old or absent are the usual reason to fail: refresh them, then try once more.
if ! install_missing 2>"$log"; then
    "$apt_get" update -q
    install_missing
fi
