#!/bin/sh
# usage: debs.sh FOLDER URL
# Makes packages openvox-agent 8.28.0, 8.28.1 and 8.28.2, a signed repository of them in FOLDER that is reached at URL,
# and the package that adds it: FOLDER/release-apt.deb.
set -eu

folder=$1 url=$2
work=$(mktemp -d)
export HOME="$work" GNUPGHOME="$work/keys" GPG_TTY=/dev/null
trap 'gpgconf --kill all; rm -rf "$work"' EXIT
mkdir -m 700 "$GNUPGHOME"
gpg -q --batch --passphrase '' --quick-gen-key 'Packages <packages@example.org>' rsa2048 sign never

build() { # NAME VERSION FILE, with files below $work/NAME
    mkdir -p "$work/$1/DEBIAN"
    printf '%s\n' "Package: $1" "Version: $2" 'Architecture: all' 'Maintainer: none' 'Description: for a test' \
        >"$work/$1/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$work/$1" "$folder/$3" >/dev/null
}
mkdir -p "$work/openvox-agent/opt/puppetlabs/bin"
for version in 8.28.0 8.28.1 8.28.2; do
    printf '#!/bin/sh\necho %s\n' "$version" >"$work/openvox-agent/opt/puppetlabs/bin/puppet"
    chmod 755 "$work/openvox-agent/opt/puppetlabs/bin/puppet"
    build openvox-agent "$version-1+debian12" "openvox-agent_$version.deb"
done
cd "$folder"
dpkg-scanpackages -m . 2>/dev/null >Packages
printf 'Suite: test\nDate: %s\nSHA256:\n %s %s Packages\n' "$(LC_ALL=C date -Ru)" \
    "$(sha256sum Packages | cut -c1-64)" "$(wc -c <Packages)" >Release
gpg -q --batch --clearsign -o InRelease Release

mkdir -p "$work/openvox8-release/etc/apt/sources.list.d" "$work/openvox8-release/usr/share/keyrings"
gpg --export >"$work/openvox8-release/usr/share/keyrings/openvox-keyring.gpg"
echo "deb [signed-by=/usr/share/keyrings/openvox-keyring.gpg] $url ./" \
    >"$work/openvox8-release/etc/apt/sources.list.d/openvox8-release.list"
build openvox8-release 1 release-apt.deb
