#!/usr/bin/env bash
# usage: package.sh PROGRAMS OUT [GENERATOR]
# Packs the programs in PROGRAMS/TARGET into everything that a release holds, but for its SBOM and its signature:
# archives, packages for Debian, for rpm and for Alpine, install.sh. The same programs and the same commit give the
# same bytes. STRINGLESS_CACHE holds nfpm; SOURCE_DATE_EPOCH is the time of everything [the commit's].
set -euo pipefail
export LC_ALL=C TZ=UTC0
umask 022

dist=$(cd "$(dirname "$0")" && pwd)
root=${dist%/*}
programs=$(cd "$1" && pwd)
# What writes the manual: a build for this machine.
generator=${3:-$programs/$(uname -m)-unknown-linux-musl/stringless}
mkdir -p "$2"
out=$(cd "$2" && pwd)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
version=$("$dist/version.sh")
repository=$(sed -n 's/^repository = "\(.*\)"/\1/p' "$root/Cargo.toml")
address=${repository%.git}
host=${address#*://}
host=${host%%/*}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

main() {
    documents
    for folder in "$programs"/*/; do
        target=$(basename "$folder")
        for program in stringless stringless-agent; do
            [ -x "$folder/$program" ] || continue
            archive "$program" "$target"
            case $target in *-linux-*) packages "$program" "$target" ;; esac
        done
    done
    installer
}

# What the programs themselves can write: their manual, the completions, the service files.
documents() {
    mkdir -p "$work/completions"
    "$generator" man --out "$work/man"
    for shell in bash zsh fish; do
        "$generator" completions "$shell" >"$work/completions/$shell"
    done
    "$generator" service-files "$work/services"
    mkdir "$work/man-agent"
    mv "$work/man/stringless-agent.1" "$work/man-agent/"
    cp -r "$work/man" "$work/man-plain"
    cp -r "$work/man-agent" "$work/man-agent-plain"
    gzip -9n "$work"/man/*.1 "$work"/man-agent/*.1
    {
        printf 'Upstream: %s\n\nCopyright the authors of Stringless.\n\n' "$address"
        printf 'Stringless may be used under one of these two licences, at your choice.\n\n'
        cat "$root/LICENSE-MIT"
        printf '\nOr the Apache License, Version 2.0, in /usr/share/common-licenses/Apache-2.0.\n'
    } >"$work/copyright"
}

archive() { # PROGRAM TARGET
    local name=$1-$version-$2
    local folder=$work/$name
    mkdir "$folder"
    install -m 0755 "$programs/$2/$1" "$folder/$1"
    install -m 0644 "$root"/LICENSE-* "$folder/"
    case $1 in
    stringless)
        cp -r "$work/man-plain" "$folder/man"
        cp -r "$work/completions" "$folder/"
        ;;
    *)
        cp -r "$work/man-agent-plain" "$folder/man"
        case $2 in *-linux-*) cp -r "$work/services" "$folder/" ;; esac
        ;;
    esac
    tar --directory "$work" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX --create "$name" | gzip -9n >"$out/$name.tar.gz"
}

packages() { # PROGRAM TARGET
    local arch kind
    case $2 in
    x86_64-*) arch=amd64 ;;
    aarch64-*) arch=arm64 ;;
    *) return 0 ;;
    esac
    changelog "$1" >"$work/changelog"
    gzip -9nf "$work/changelog"
    overrides "$1" >"$work/overrides"
    description "$1" "$2" "$arch" >"$work/nfpm.yaml"
    for kind in deb rpm apk; do
        "$STRINGLESS_CACHE/nfpm/bin/nfpm" package --config "$work/nfpm.yaml" --packager "$kind" --target "$out/" \
            >"$work/log" || { cat "$work/log" >&2; exit 1; }
    done
}

changelog() { # PROGRAM
    printf '%s (%s-1) unstable; urgency=medium\n\n  * Release %s.\n\n' "$1" "$version" "$version"
    printf ' -- Stringless <stringless@%s>  %s\n' "$host" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

# What is right for a static program that is not of Debian's own archive.
overrides() { # PROGRAM
    printf '%s: initial-upload-closes-no-bugs *\n' "$1"
    printf '%s: shared-library-lacks-prerequisites [usr/bin/%s]\n' "$1" "$1"
    # The helpers of Debian know no conditions on the words of rpm.
    [ "$1" = stringless ] || printf '%s: maintainer-script-calls-systemctl *\n' "$1"
}

description() { # PROGRAM TARGET ARCH
    cat <<YAML
name: $1
arch: $3
version: $version
release: 1
maintainer: "Stringless <stringless@$host>"
vendor: Stringless
homepage: $address
license: MIT OR Apache-2.0
section: admin
priority: optional
mtime: "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
umask: 0o022
rpm: {buildhost: $host, compression: gzip}
YAML
    case $1 in
    stringless)
        cat <<'YAML'
description: |-
  Publishes signed configuration, and renders user-data
  Stringless packs, signs and publishes the configuration of machines to an
  object store, and renders the user-data that turns a stock cloud image into a
  node that follows it.
contents:
YAML
        file "$work/completions/bash" /usr/share/bash-completion/completions/stringless 0644
        file "$work/completions/fish" /usr/share/fish/vendor_completions.d/stringless.fish 0644
        file "$work/completions/zsh" /usr/share/zsh/vendor-completions/_stringless 0644 deb
        for kind in rpm apk; do
            file "$work/completions/zsh" /usr/share/zsh/site-functions/_stringless 0644 "$kind"
        done
        man "$work/man"
        ;;
    *)
        cat <<YAML
description: |-
  Follows the signed configuration that stringless publishes
  The agent runs on each node: it pulls, verifies and applies the configuration
  that the program stringless has signed and published. Nothing runs until the
  node has a configuration, /etc/stringless/agent.json.
overrides:
  deb: {scripts: &scripts {postinstall: $dist/scripts/installed.sh, preremove: $dist/scripts/remove.sh, postremove: $dist/scripts/removed.sh}}
  rpm: {scripts: *scripts}
contents:
YAML
        for kind in deb rpm; do
            file "$work/services/systemd/stringless.service" /usr/lib/systemd/system/stringless.service 0644 "$kind"
            file "$work/services/systemd/stringless.timer" /usr/lib/systemd/system/stringless.timer 0644 "$kind"
        done
        file "$work/services/openrc/stringless" /etc/init.d/stringless 0755 apk
        man "$work/man-agent"
        ;;
    esac
    file "$programs/$2/$1" "/usr/bin/$1" 0755
    file "$work/copyright" "/usr/share/doc/$1/copyright" 0644 deb
    file "$work/changelog.gz" "/usr/share/doc/$1/changelog.Debian.gz" 0644 deb
    file "$work/overrides" "/usr/share/lintian/overrides/$1" 0644 deb
    for kind in rpm apk; do
        for licence in LICENSE-MIT LICENSE-APACHE; do
            file "$root/$licence" "/usr/share/licenses/$1/$licence" 0644 "$kind"
        done
    done
}

file() { # FROM TO MODE [KIND]
    printf -- '- {src: %s, dst: %s, file_info: {mode: 0o%s, owner: root, group: root}%s}\n' \
        "$1" "$2" "$3" "${4:+, packager: $4}"
}

man() { # FOLDER
    local page
    for page in "$1"/*; do
        file "$page" "/usr/share/man/man1/${page##*/}" 0644
    done
}

# With the address, the version and the key of this release.
installer() {
    local key=${STRINGLESS_RELEASE_KEY:-$(tail -n 1 "$dist/release.pub")}
    sed -e "s|^address=.*|address='$address'|" -e "s|^version=.*|version='$version'|" -e "s|^key=.*|key='$key'|" \
        "$dist/install.sh" >"$out/install.sh"
    chmod 0755 "$out/install.sh"
    touch -d "@$SOURCE_DATE_EPOCH" "$out/install.sh"
}

main
