#!/bin/sh
# usage: sums.sh OUT
# Writes OUT/SHA256SUMS of everything in OUT, and its signature OUT/SHA256SUMS.minisig, with the secret key in the
# file that STRINGLESS_RELEASE_KEY_FILE names; minisign asks for its password. Without that variable nothing is
# signed, and the script says so.
set -eu
export LC_ALL=C

dist=$(cd "$(dirname "$0")" && pwd)
secret=${STRINGLESS_RELEASE_KEY_FILE:-}
case $secret in '' | /*) ;; *) secret=$PWD/$secret ;; esac
if [ -n "$secret" ] && [ ! -r "$secret" ]; then
    printf 'error: signing the release: %s cannot be read\n\n' "$secret" >&2
    printf 'hint: STRINGLESS_RELEASE_KEY_FILE names the secret key\n' >&2
    exit 1
fi
version=$("$dist/version.sh")
cd "$1"
rm -f SHA256SUMS SHA256SUMS.minisig
sha256sum -- * >.sums
mv .sums SHA256SUMS
if [ -z "$secret" ]; then
    echo "not signed: STRINGLESS_RELEASE_KEY_FILE names no key; agent push and install.sh refuse this release" >&2
    exit 0
fi
minisign -S -s "$secret" -m SHA256SUMS -t "stringless $version" -c 'signature of a release'
key=${STRINGLESS_RELEASE_KEY:-$(tail -n 1 "$dist/release.pub")}
if ! minisign -Vqm SHA256SUMS -P "$key"; then
    rm SHA256SUMS.minisig
    printf 'error: signing the release: the programs were built with another public key, %s\n\n' "$key" >&2
    printf 'hint: STRINGLESS_RELEASE_KEY holds the public key while the programs are built\n' >&2
    exit 1
fi
