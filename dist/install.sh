#!/bin/sh
# Installs the program stringless from a release: into ~/.local/bin, or for root into /usr/local/bin. It needs no root.
#
#   --version V  this version, even if a newer one is installed [default: the one below]
#   --to DIR     the folder for the program
#   --from URL   where the files of the release are: https://... or file://...; {version} stands for the version
#   --key KEY    the public key that must have signed the release [default: the one below]
#
# Nothing is installed unless the key has signed the release. That is checked by minisign where it is installed,
# otherwise by OpenSSL 3.
set -eu

address='https://example.org/stringless'
version='0.1.0'
key='RWSshV1QUrCkF9XyL7DaHsupLxIeV8k6qqU6SIs0swRHRviipXyRXiVL'

# In a function, so that a script that was cut off does nothing.
main() {
    options "$@"
    target
    [ ! -d "$to/stringless" ] || die "installing $to/stringless: it is a folder" "--to takes another folder"
    mkdir -p "$to" || die "making the folder $to" "--to takes a folder that you may write to"
    work=$(mktemp -d "$to/.stringless.XXXXXX") || die "writing to $to" "--to takes a folder that you may write to"
    trap 'rm -rf "$work"' EXIT
    trap 'rm -rf "$work"; exit 1' HUP INT TERM PIPE

    fetch SHA256SUMS
    fetch SHA256SUMS.minisig
    verify
    name=stringless-$version-$target
    fetch "$name.tar.gz"
    check "$name.tar.gz"
    tar -xzf "$work/$name.tar.gz" -C "$work" "$name/stringless" || die "unpacking $name.tar.gz"
    chmod 0755 "$work/$name/stringless"
    "$work/$name/stringless" --version >/dev/null || die "running $work/$name/stringless" "--to takes a folder that programs may run from"
    mv -f "$work/$name/stringless" "$to/stringless" || die "writing $to/stringless"
    echo "installed stringless $version: $to/stringless"
    case :$PATH: in *:"$to":*) ;; *) echo "$to is not in PATH" ;; esac
}

options() {
    from='' to='' chosen=''
    while [ $# -gt 0 ]; do
        case $1 in
        --version | --to | --from | --key) [ $# -gt 1 ] || die "reading the options: $1 needs a value" ;;
        *) die "reading the options: there is no $1" "the options are --version, --to, --from and --key" ;;
        esac
        case $1 in
        --version) version=${2#v} chosen=yes ;;
        --to) to=$2 ;;
        --from) from=$2 ;;
        --key) key=$2 ;;
        esac
        shift 2
    done
    case $version in
    *[!0-9.]* | '' | .* | *. | *..*) die "reading the options: $version is not a version" "a version is three numbers, as 0.1.0" ;;
    esac
    from=${from:-$address/releases/download/v$version}
    while :; do
        case $from in
        *'{version}'*) from=${from%%'{version}'*}$version${from#*'{version}'} ;;
        *) break ;;
        esac
    done
    from=${from%/}
    case $from in
    https://* | file:///*) ;;
    *) die "reading the options: $from is not the address of a release" "--from takes https://... or file:///..." ;;
    esac
    if [ -z "$to" ]; then
        to=/usr/local/bin
        if [ "$(id -u)" != 0 ]; then
            [ -n "${HOME:-}" ] || die "finding a folder for the program: HOME is not set" "--to DIR names the folder"
            to=$HOME/.local/bin
        fi
    fi
    case $to in /*) ;; *) to=$PWD/$to ;; esac
    to=${to%/}
    older
}

# Refuses to replace a newer version that nobody asked to replace.
older() {
    [ -z "$chosen" ] && [ -x "$to/stringless" ] || return 0
    there=$("$to/stringless" --version 2>/dev/null) || return 0
    there=${there##* }
    case $there in *[!0-9.]* | '') return 0 ;; esac
    if [ "$there" != "$version" ] && is_newer "$there" "$version"; then
        die "installing stringless $version: $to/stringless is $there already" "--version $version installs it all the same"
    fi
}

is_newer() { # A B: whether A is a newer version than B
    a=$1. b=$2.
    while [ -n "$a" ] && [ -n "$b" ]; do
        [ "${a%%.*}" -le "${b%%.*}" ] || return 0
        [ "${a%%.*}" -ge "${b%%.*}" ] || return 1
        a=${a#*.} b=${b#*.}
    done
    return 1
}

target() {
    system=$(uname -s) cpu=$(uname -m)
    [ "$system" = Linux ] || die "installing stringless: there is no build for $system" "build it from its source: $address"
    case $cpu in
    x86_64 | amd64) target=x86_64-unknown-linux-musl ;;
    aarch64 | arm64) target=aarch64-unknown-linux-musl ;;
    *) die "installing stringless: there is no build for the CPU $cpu" "build it from its source: $address" ;;
    esac
}

fetch() { # NAME
    hint='check the network, --from and --version'
    case $from in
    file://*) cp "${from#file://}/$1" "$work/$1" || die "reading $from/$1" "$hint" ;;
    *)
        if has curl; then
            curl -fsSL --proto '=https' --proto-redir '=https' --retry 3 -o "$work/$1" "$from/$1" || die "fetching $from/$1" "$hint"
        elif has wget; then
            # It follows a redirection to http, too: what comes must be signed all the same.
            wget -q -O "$work/$1" "$from/$1" || die "fetching $from/$1" "$hint"
        else
            die "fetching $from/$1: there is neither curl nor wget" "install one of them"
        fi
        ;;
    esac
}

# Whether the key has signed the sums, as the sums of this version.
verify() {
    if has minisign; then
        minisign -Vqm "$work/SHA256SUMS" -x "$work/SHA256SUMS.minisig" -P "$key" >/dev/null 2>&1 || forged
    elif has openssl && openssl pkeyutl -help 2>&1 | grep -q -e -rawin; then
        by_openssl || forged
    else
        die "verifying the release: there is neither minisign nor OpenSSL 3" "install one of them"
    fi
    signed=$(sed -n '3s/^trusted comment: //p' "$work/SHA256SUMS.minisig")
    [ "$signed" = "stringless $version" ] ||
        die "verifying $from/SHA256SUMS: it is signed as $signed, not as stringless $version" "nothing was installed; check --from and --version"
}

forged() {
    die "verifying $from/SHA256SUMS: the key $key has not signed it" "nothing was installed; --key takes the key of those who made this release"
}

# A signature of minisign: of the BLAKE2b hash of the file; a second one of the first and of the trusted comment.
by_openssl() {
    signature=$(sed -n 2p "$work/SHA256SUMS.minisig")
    case $signature in RU[QRST]*) ;; *) return 1 ;; esac
    comment=$(sed -n '3s/^trusted comment: //p' "$work/SHA256SUMS.minisig")
    decode "$signature" | tail -c 64 >"$work/signature"
    decode "$(sed -n 4p "$work/SHA256SUMS.minisig")" >"$work/global"
    # The bytes before an Ed25519 key in the form that OpenSSL reads.
    {
        printf '\060\052\060\005\006\003\053\145\160\003\041\000'
        decode "$key" | tail -c 32
    } >"$work/key"
    openssl dgst -blake2b512 -binary "$work/SHA256SUMS" >"$work/digest" ||
        die "verifying the release: this OpenSSL has no BLAKE2" "install minisign"
    {
        cat "$work/signature"
        printf %s "$comment"
    } >"$work/commented"
    is_signed "$work/digest" "$work/signature" && is_signed "$work/commented" "$work/global"
}

decode() { # BASE64
    printf '%s\n' "$1" | openssl base64 -d -A
}

is_signed() { # FILE SIGNATURE
    openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$1" -sigfile "$2" >/dev/null 2>&1
}

# Whether the file is the one that the sums name.
check() { # NAME
    expected=$(sed -n "s/  $1\$//p" "$work/SHA256SUMS")
    [ -n "$expected" ] || die "reading $from/SHA256SUMS: it does not name $1" "check --from and --version"
    if has sha256sum; then
        found=$(sha256sum <"$work/$1")
    elif has shasum; then
        found=$(shasum -a 256 <"$work/$1")
    elif has openssl; then
        found=$(openssl dgst -sha256 -r <"$work/$1")
    else
        die "checking $1: there is neither sha256sum nor openssl" "install one of them"
    fi
    [ "${found%% *}" = "$expected" ] ||
        die "checking $from/$1: its SHA-256 is not the signed one" "nothing was installed; a download that was cut off looks like this: run it again"
}

has() {
    command -v "$1" >/dev/null 2>&1
}

die() { # MESSAGE [HINT]
    echo "error: $1" >&2
    [ -z "${2:-}" ] || printf '\nhint: %s\n' "$2" >&2
    exit 1
}

main "$@"
