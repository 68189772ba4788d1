#!/bin/sh
# usage: rpms.sh FOLDER URL
# Makes signed packages openvox-agent 8.28.0, 8.28.1 and 8.28.2, a repository of them in FOLDER that is reached at URL,
# and per tool the package that adds it: FOLDER/release-dnf.rpm, FOLDER/release-zypper.rpm.
set -eu

folder=$1 url=$2
work=$(mktemp -d)
trap 'GNUPGHOME=$work/keys gpgconf --kill all; rm -rf "$work"' EXIT
export HOME="$work" GNUPGHOME="$work/keys"
mkdir -m 700 "$GNUPGHOME"
export GPG_TTY=/dev/null
gpg -q --batch --passphrase '' --quick-gen-key 'Packages <packages@example.org>' rsa2048 sign never
gpg --armor --export >"$work/key"

build() { # NAME VERSION, with files below $work/NAME
    cat >"$work/spec" <<SPEC
Name: $1
Version: $2
Release: 1
Summary: For a test
License: none
BuildArch: noarch
AutoReqProv: no
%description
For a test.
%install
cp -a $work/$1/. %{buildroot}
%files
/*
SPEC
    rpmbuild -bb --quiet --define "_topdir $work/build" --define "_rpmfilename $1-$2.rpm" \
        --define '_build_id_links none' "$work/spec"
    rpm --quiet --define '_gpg_name packages@example.org' --define "__gpg $(command -v gpg)" --addsign "$work/build/RPMS/$1-$2.rpm" >/dev/null
}
mkdir -p "$work/openvox-agent/opt/puppetlabs/bin" "$folder"
for version in 8.28.0 8.28.1 8.28.2; do
    printf '#!/bin/sh\necho %s\n' "$version" >"$work/openvox-agent/opt/puppetlabs/bin/puppet"
    chmod 755 "$work/openvox-agent/opt/puppetlabs/bin/puppet"
    build openvox-agent "$version"
done
cp "$work"/build/RPMS/openvox-agent-*.rpm "$folder"
createrepo_c -q "$folder"
gpg -q --batch --armor --detach-sign "$folder/repodata/repomd.xml"
cp "$work/key" "$folder/repodata/repomd.xml.key"
for tool in dnf zypper; do
    case $tool in
    dnf) place=etc/yum.repos.d ;;
    *) place=etc/zypp/repos.d ;;
    esac
    rm -rf "$work/openvox8-release"
    mkdir -p "$work/openvox8-release/$place" "$work/openvox8-release/etc/pki/rpm-gpg"
    cp "$work/key" "$work/openvox8-release/etc/pki/rpm-gpg/GPG-KEY-openvox-openvox8-release"
    cat >"$work/openvox8-release/$place/openvox8-release.repo" <<REPO
[openvox8]
name=OpenVox 8
baseurl=$url
gpgkey=file:///etc/pki/rpm-gpg/GPG-KEY-openvox-openvox8-release
enabled=1
gpgcheck=1
REPO
    build openvox8-release 1
    cp "$work/build/RPMS/openvox8-release-1.rpm" "$folder/release-$tool.rpm"
done
