#!/bin/sh
# usage: pacman.sh FOLDER
# Makes a repository `extra` in FOLDER of signed packages: puppet 8.10.0, library 2 that it needs, archlinux-keyring;
# and FOLDER/gnupg, a keyring of pacman's that trusts their key.
set -eu

folder=$1
work=$(mktemp -d)
export HOME="$work" GNUPGHOME="$folder/gnupg" GPG_TTY=/dev/null
trap 'gpgconf --kill all; rm -rf "$work" "$folder/gnupg"/S.*' EXIT
mkdir -m 700 "$GNUPGHOME"
gpg -q --batch --passphrase '' --quick-gen-key 'Packages <packages@example.org>' rsa2048 sign never

build() { # NAME VERSION [NEEDS], with files below $work/NAME
    file=$folder/$1-$2-any.pkg.tar.gz
    mkdir -p "$work/$1/usr"
    printf '%s\n' "pkgname = $1" "pkgbase = $1" "pkgver = $2" 'arch = any' ${3:+"depend = $3"} >"$work/$1/.PKGINFO"
    tar -C "$work/$1" -czf "$file" .PKGINFO usr
    gpg -q --batch --detach-sign "$file"
}
mkdir -p "$work/puppet/usr/bin"
printf '#!/bin/sh\necho 8.10.0\n' >"$work/puppet/usr/bin/puppet"
chmod 755 "$work/puppet/usr/bin/puppet"
build puppet 8.10.0-1 'library>=2'
build library 2-1
build archlinux-keyring 20261101-1
repo-add -q "$folder/extra.db.tar.gz" "$folder"/*.pkg.tar.gz
