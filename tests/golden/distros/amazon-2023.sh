#!/bin/sh
# Stringless bootstrap: site example, environment production, serial 7 or later.
# Rendered 2026-11-20T18:00:00Z for Amazon Linux 2023 on Amazon EC2 by stringless 0.1.0.
# It installs openvox-agent 8.28.1 and stringless-agent 0.1.0, writes
# /etc/stringless/agent.json, schedules the agent and applies the configuration once; the
# exit status is that of this run, 1 before it. It may be run again. Output: /var/log/cloud-init-output.log
main() {
umask 077
HOME=${HOME:-/root}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
bin=/usr/local/bin/stringless-agent
etc=/etc/stringless
lib=/var/lib/stringless
new=$bin.$$
trap 'rm -f "$new" "$new".*' EXIT
trap 'exit 1' HUP INT TERM
say() { printf 'stringless: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null; }
try() {
w=1
until "$@"; do
[ $w -le 32 ] || return 1
sleep $w
w=$((w * 2))
done
}

# The machine.
[ "$(id -u)" = 0 ] || die 'not root'
os=$(. /etc/os-release && echo "$ID ${VERSION_ID-}")
case $os in
'amzn 2023'|'amzn 2023'.*) ;;
*) die "this system is '$os', the script is for 'amzn 2023': render it again" ;;
esac
case $(uname -m) in
x86_64|amd64) t=x86_64-unknown-linux-musl h=11a7f97d7c53e609ba9fb10d25657f4474d2bfc81353533ddaec0ab2ca688e9c ;;
aarch64|arm64) t=aarch64-unknown-linux-musl h=38990144ad7c86a796fa7844440da54dbc1ca481e48f87796209d8a9f5d26611 ;;
*) die "no agent is pinned for the CPU $(uname -m)" ;;
esac
for sha in sha256sum 'sha256 -q' 'shasum -a 256' 'openssl dgst -sha256 -r' ''; do has "${sha%% *}" && break; done
[ "$sha" ] || die 'no sha256sum, sha256, shasum or openssl'
sum() { $sha | cut -c1-64; }
same() { [ -f "$1" ] && [ "$(sum <"$1")" = "$2" ]; }
(umask 022; mkdir -p ${bin%/*})
for dl in curl wget python3 ''; do has "$dl" && break; done
[ "$dl" ] || die 'no curl, wget or python3'
get() { # URL FILE
case $dl in
curl) printf 'url=%s\n' "$1" | curl -gfsSL --connect-timeout 10 -m 600 -D "$2.h" -o "$2" -K - ;;
wget) timeout 300 wget -S -O "$2" "$1" 2>"$2.h" || {
grep . "$2.h" | tail -n 1 >&2
return 1
} ;;
*) printf %s "$1" | python3 -c 'import sys,urllib.request as r
f=sys.argv[1]
try: open(f,"wb").write(r.urlopen(sys.stdin.read(),timeout=30).read())
except Exception as e:
 open(f+".h","w").write(str(getattr(e,"headers","")))
 sys.exit(str(e))' "$2" ;;
esac
}
if [ -d /run/systemd/system ]; then
schedule() {
u=/etc/systemd/system/stringless
cat >$u.service <<UNIT &&
[Unit]
Description=Stringless agent
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/local/bin/stringless-agent --once
KillMode=mixed
OOMPolicy=continue
UNIT
cat >$u.timer <<UNIT &&
[Unit]
Description=Stringless timer
[Timer]
OnBootSec=30
OnUnitInactiveSec=300
RandomizedDelaySec=60
AccuracySec=1
[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload && systemctl -q enable stringless.timer
}
resume() { systemctl start --no-block stringless.timer; }
else
has cron || has crond || die 'no systemd and no cron to run the agent again: set node.schedule to boot'
schedule() {
m=$(od -An -N2 -tu2 /dev/urandom)
mkdir -p /etc/cron.d
cat >/etc/cron.d/stringless <<CRON
PATH=$PATH
$((m % 5))-59/5 * * * * root $bin --once 2>&1 | logger -t stringless
CRON
}
resume() { :; }
fi

# The engine.
add() ( umask 022; rpm -U --replacepkgs "$1" )
inst() ( umask 022; timeout 1800 dnf -y install "$1" )
if has puppet || [ -x /opt/puppetlabs/bin/puppet ]; then
say 'using the puppet that is here'
else
u=https://yum.voxpupuli.org/openvox8-release-amazon-2023.noarch.rpm
f=$new.${u##*.}
try get $u "$f" || die "cannot download $u (reason above)"
same "$f" d0199b9ac40d62559a2e678b1df8cbec8addf8e929c9125d46e57a78f4f5588a || die "$u has another SHA-256 than the pinned one"
try add "$f" || die "cannot install $u (reason above)"
has systemctl && systemctl -q mask puppet.service
try inst 'openvox-agent-8.28.1' || die 'cannot install openvox-agent 8.28.1 (reason above)'
fi

# The agent: fetched, checked, renamed.
if ! same $bin $h; then
has curl || die 'no curl to ask for the role of the instance with'
imds() { # METHOD HEADER PATH
printf 'header="%s"\nurl=http://169.254.169.254/latest/%s\n' "$2" "$3" | curl -fsS --noproxy '*' --connect-timeout 2 -m 5 -X "$1" -K -
}
# Signs the URL (AWS SigV4, query form): no key is ever an argument of a program.
octal() { # HEX N: each byte xor N, for a format of printf, in $r
r='' s=$1
while [ "$s" ]; do
n=$((0x${s%"${s#??}"} ^ $2)); s=${s#??}
case $n in
37) r=$r%% ;;
*) r=$r\\$((n / 64))$((n / 8 % 8))$((n % 8)) ;;
esac
done
}
# shellcheck disable=SC2059
hmac() { # HEXKEY TEXT
k=$1
[ ${#k} -le 128 ] || { octal "$k" 0; k=$(printf "$r" | sum); }
while [ ${#k} -lt 128 ]; do k=${k}00; done
octal "$k" 92; o=$r
octal "$k" 54
octal "$({ printf "$r"; printf %s "$2"; } | sum)" 0
printf "$o$r" | sum
}
role() { # the keys of the instance's role, by IMDSv2
a=X-aws-ec2-metadata-token p=meta-data/iam/security-credentials/
a="$a: $(imds PUT "$a-ttl-seconds: 300" api/token)" &&
c=$(imds GET "$a" $p) && c=$(imds GET "$a" "$p$c") || return 1
ak=$(field AccessKeyId) sk=$(field SecretAccessKey)
tk=$(field Token | sed 's/%/%25/g;s/+/%2B/g;s,/,%2F,g;s/=/%3D/g')
[ "$ak" ]
}
field() { printf %s "$c" | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
try role || die 'no role from 169.254.169.254 (reason above): attach an instance profile'
agent() {
now=$(date -u +%Y%m%dT%H%M%SZ)
# After a refusal: by the server's clock.
x=$(sed -n 's/^[< ]*[Dd]ate: ..., \(..\) \(...\) \(....\) \(..\):\(..\):\(..\) .*/\3 \2 \1T\4\5\6Z/p' "$new.h" 2>/dev/null | tail -n 1)
if [ "$x" ]; then
m=${x#* }; y=JanFebMarAprMayJunJulAugSepOctNovDec; y=${y%%"${m% *}"*}; m=$((${#y} / 3 + 101))
now=${x%% *}${m#1}${x##* }
fi
d=${now%T*}; s=$d/eu-central-1/s3/aws4_request
host=example-config.s3.eu-central-1.amazonaws.com p=/nodes/agent/0.1.0/$t/stringless-agent
q="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=$ak%2F$d%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=$now&X-Amz-Expires=900${tk:+&X-Amz-Security-Token=$tk}&X-Amz-SignedHeaders=host"
c=$(printf 'GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD' "$p" "$q" "$host" | sum)
k=$(printf %s "AWS4$sk" | od -An -v -tx1 | tr -d ' \n')
for x in "$d" eu-central-1 s3 aws4_request; do k=$(hmac "$k" "$x"); done
get "https://$host$p?$q&X-Amz-Signature=$(hmac "$k" "AWS4-HMAC-SHA256
$now
$s
$c")" "$new"
}
try agent || die 'cannot download the agent from example-config.s3.eu-central-1.amazonaws.com (reason above): is it published?'
same "$new" $h || die "the agent's SHA-256 is not the pinned $h: not installed"
chmod 755 "$new"
"$new" version >/dev/null || die 'the agent does not run here (reason above)'
mv -f "$new" $bin || die "cannot write $bin"
fi
has restorecon && restorecon -F $bin

# Its configuration.
mkdir -p $etc $lib && chmod 700 $etc
{ cat >$etc/new && mv -f $etc/new $etc/agent.json; } <<'JSON' || die "cannot write $etc"
{"format":1,"rendered":"2026-11-20T18:00:00Z","layers":[{"site":"example","environment":"production","min_serial":7,"interval":300,"splay":60,"trust":{"version":1,"threshold":1,"keys":["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},"stores":[{"url":"s3://example-config/nodes","region":"eu-central-1","credentials":["instance_role"]}]}]}
JSON
umask 022

# The schedule; an earlier one ends.
has systemctl && systemctl stop 'stringless.*' 2>/dev/null
rm -f /etc/cron.d/stringless /etc/systemd/system/*.wants/stringless.*
schedule || die 'cannot schedule the agent'

# The first run; exit 1 is temporary.
rm -f $lib/bootstrapped
w=5
while $bin --once; rc=$?; [ $rc = 1 ] && [ $w -le 20 ]; do
say "exit 1 (reason above): again in $w s"
sleep $w
w=$((w * 2))
done
resume
[ $rc = 0 ] || {
say "the first run failed with exit status $rc (reason above); it will be tried again"
exit $rc
}
echo 2026-11-20T18:00:00Z >$lib/bootstrapped
sync
say 'ready'
}
main "$@"
