#!/bin/sh
# Stringless bootstrap: site example, environment production, serial 7 or later.
# Rendered 2026-11-20T18:00:00Z for FreeBSD 15 on Amazon EC2 by stringless 0.1.0.
# It installs openvox-agent8 and stringless-agent 0.1.0, writes
# /usr/local/etc/stringless/agent.json, schedules the agent and applies the configuration once; the
# exit status is that of this run, 1 before it. It may be run again. Output: /dev/console
main() {
umask 077
HOME=${HOME:-/root}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
bin=/usr/local/bin/stringless-agent
etc=/usr/local/etc/stringless
lib=/var/db/stringless
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
os=$(uname -sr | tr '[:upper:]' '[:lower:]')
case $os in
'freebsd 15'.*) ;;
*) die "this system is '$os', the script is for 'freebsd 15': render it again" ;;
esac
case $(uname -m) in
x86_64|amd64) t=x86_64-unknown-freebsd h=ec2ca054e7e56827ef0580f477baf8d79b58ee0ecce99cd32d8e8ea73da89695 ;;
aarch64|arm64) t=aarch64-unknown-freebsd h=216f0617bd3694da0df4c2e8058deacdb12cc452555f73c080351978a342cb2d ;;
*) die "no agent is pinned for the CPU $(uname -m)" ;;
esac
for sha in sha256sum 'sha256 -q' 'shasum -a 256' 'openssl dgst -sha256 -r' ''; do has "${sha%% *}" && break; done
[ "$sha" ] || die 'no sha256sum, sha256, shasum or openssl'
sum() { $sha | cut -c1-64; }
same() { [ -f "$1" ] && [ "$(sum <"$1")" = "$2" ]; }
(umask 022; mkdir -p ${bin%/*})
get() { # URL FILE
timeout 600 fetch -vvv -T 30 -o "$2" "$1" 2>"$2.h" || { tail -n 1 "$2.h" | sed 's/?[^ ]*//' >&2; return 1; }
}
schedule() {
u=/usr/local/etc/rc.d/stringless
mkdir -p ${u%/*}
cat >$u <<'RC' &&
#!/bin/sh
# PROVIDE: stringless
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown
. /etc/rc.subr
name=stringless
rcvar=stringless_enable
load_rc_config $name
: ${stringless_enable:=NO}
PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin HOME=/root
export PATH HOME
pidfile=/var/run/stringless.pid
command=/usr/sbin/daemon
command_args="-cf -R 30 -P $pidfile -S -T stringless /usr/local/bin/stringless-agent --daemon"
run_rc_command "$1"
RC
chmod 555 $u && sysrc stringless_enable=YES >/dev/null
}
resume() { service stringless start; }

# The engine.
pkg() ( umask 022; ASSUME_ALWAYS_YES=yes LOCK_RETRIES=300 timeout 1800 pkg "$@" )
inst() { pkg install -qy "$1"; }
if has puppet || [ -x /opt/puppetlabs/bin/puppet ]; then
say 'using the puppet that is here'
else
has systemctl && systemctl -q mask puppet.service
try inst 'openvox-agent8' || die 'cannot install openvox-agent8 (reason above)'
fi

# The agent: fetched, checked, renamed.
if ! same $bin $h; then
has nc || die 'no nc to ask for the role of the instance with'
imds() { # METHOD HEADER PATH
r=$(printf '%s /latest/%s HTTP/1.0\r\n%s\r\n\r\n' "$1" "$3" "$2" | nc -w 5 169.254.169.254 80 | tr -d '\r')
case $r in
HTTP/1.?' 200 '*) printf '%s\n' "$r" | sed '1,/^$/d' ;;
*) say "${r%%
*}"; return 1 ;;
esac
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
{"format":1,"rendered":"2026-11-20T18:00:00Z","state_dir":"/var/db/stringless","metadata":{"dmi":[{"sys_vendor":"Amazon EC2"},{"product_uuid":"ec2"}],"address":"http://169.254.169.254","token":{"path":"/latest/api/token","headers":{"X-aws-ec2-metadata-token-ttl-seconds":"300"},"header":"X-aws-ec2-metadata-token"},"instance_id":{"path":"/latest/meta-data/instance-id"},"region":{"path":"/latest/meta-data/placement/region"}},"layers":[{"site":"example","environment":"production","min_serial":7,"interval":300,"splay":60,"trust":{"version":1,"threshold":1,"keys":["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},"stores":[{"url":"s3://example-config/nodes","region":"eu-central-1","credentials":["instance_role"]}]}]}
JSON
umask 022

# The schedule; an earlier one ends.
u=/usr/local/etc/rc.d/stringless
[ -f $u ] && { service stringless onestop; sysrc -x stringless_enable; } >/dev/null 2>&1
rm -f $u /etc/cron.d/stringless
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
