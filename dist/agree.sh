#!/bin/sh
# usage: agree.sh [FOLDER [VARIABLE=VALUE...]]
# Makes the release of this commit in two checkouts, the second in a folder with a longer name, by another user, with
# another umask and with its own folder of crates, and compares all files. FOLDER keeps both [a temporary folder]; the
# variables are those of make, as NODE_TARGETS=x86_64-unknown-linux-musl.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-}
[ $# = 0 ] || shift
# In a folder of their own, so that neither gets what the other one has built.
unset CARGO_TARGET_DIR
if [ -z "$folder" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
one=$folder/one two=$folder/second/checkout
mkdir -p "$folder/second/home"
git clone --quiet "$root" "$one"
(umask 077 && git clone --quiet "$root" "$two")
make -C "$one" dist "$@"
(
    umask 077
    RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
    HOME=$folder/second/home CARGO_HOME=$folder/second/home/cargo
    export RUSTUP_HOME HOME CARGO_HOME
    unshare --user --map-user=1234 --map-group=1234 make -C "$two" dist "$@"
)
diff -r "$one/target/dist" "$two/target/dist"
echo "both are the same:"
cat "$one/target/dist/SHA256SUMS"
