#!/bin/sh
# Stringless bootstrap: site example, environment production, serial 7 or later.
# Rendered for FreeBSD 14 on Amazon EC2 by stringless 0.1.0.
# It installs openvox-agent8 and stringless-agent 0.1.0; `main`, at the end, has the steps.
# After a failure it runs again, also at each boot.
# Exit status: the agent's; 1 before it runs. Output: /dev/console
# Each line is explained by `stringless render --explain`.

# Errors are handled where they occur, even under `sh -e`.
set +Cefu
umask 077
HOME=${HOME:-/root}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
agent=/usr/local/bin/stringless-agent
download=$agent.new
settings=/usr/local/etc/stringless
state=/var/db/stringless
copy=$settings/bootstrap.sh

say() { printf 'stringless: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null; }
# Repeats a command until it succeeds or the pauses are SECONDS.
try() { # SECONDS COMMAND...
  left=$1 pause=1
  shift
  until "$@"; do
    [ "$left" -gt 0 ] || return 1
    say "$* failed (reason above), again in $pause s"
    sleep $pause
    left=$((left - pause))
    [ $pause -ge 32 ] || pause=$((pause * 2))
  done
}

# Checks the machine and its tools.
check_machine() {
  [ "$(id -u)" = 0 ] || die 'not root'
  system=$(uname -sr | tr '[:upper:]' '[:lower:]')
  case $system in
    'freebsd 14'.*) ;;
    *) die "this system is '$system', the script is for 'freebsd 14': render it again" ;;
  esac
  case $(uname -m) in
    x86_64|amd64) target=x86_64-unknown-freebsd sha256=ec2ca054e7e56827ef0580f477baf8d79b58ee0ecce99cd32d8e8ea73da89695 ;;
    aarch64|arm64) target=aarch64-unknown-freebsd sha256=216f0617bd3694da0df4c2e8058deacdb12cc452555f73c080351978a342cb2d ;;
    *) die "no agent is pinned for the CPU $(uname -m)" ;;
  esac
  for hash_tool in sha256sum 'sha256 -q' 'shasum -a 256' 'openssl dgst -sha256 -r' ''; do has "${hash_tool%% *}" && break; done
  [ "$hash_tool" ] || die 'no sha256sum, sha256, shasum or openssl'
  has nc || die 'no nc'
}

hash_input() { $hash_tool | cut -c1-64; }
has_hash() { [ -f "$1" ] && [ "$(hash_input <"$1")" = "$2" ]; } # FILE SHA256
# A captive portal's page is a failure, too.
is_pinned() { # FILE SHA256
  has_hash "$1" "$2" || { say "$1: its SHA-256 is not the pinned $2"; return 1; }
}
# Downloads a file. The program takes the URL as an argument only.
get() { # URL FILE SHA256
  timeout 600 fetch -vvv -T 30 -o "$2" "$1" 2>"$2.head" || { tail -n 1 "$2.head" | sed 's/?[^ ]*//' >&2; return 1; }
  is_pinned "$2" "$3"
}

# ---- Signing: gives the agent's URL an AWS signature (version 4, in the query), by the hash program alone: no
# key is an argument of a program. Derived and tested: docs/contributing/signing.md of Stringless.
# Prints HEX as bytes, each xor MASK.
xor() { # HEX MASK
  hex=$1 format=''
  while [ "$hex" ]; do
    rest=${hex#??}
    byte=$((0x${hex%"$rest"} ^ $2)) hex=$rest
    case $byte in 37) format=$format%% ;; *) format=$format\\$((byte / 64))$((byte / 8 % 8))$((byte % 8)) ;; esac
  done
  # shellcheck disable=SC2059
  printf "$format"
}
# HMAC-SHA256, as hex.
hmac() { # HEX_KEY TEXT
  key=$1
  [ ${#key} -le 128 ] || key=$(xor "$key" 0 | hash_input)
  while [ ${#key} -lt 128 ]; do key=${key}00; done
  inner=$({ xor "$key" 54; printf %s "$2"; } | hash_input)
  { xor "$key" 92; xor "$inner" 0; } | hash_input
}
# Sets $url, dated by the last answer or the clock.
sign_url() {
  time=$(sed -n 's/^[< ]*[Dd]ate: ..., \(..\) \(...\) \(....\) \(..\):\(..\):\(..\) .*/\3\2\1T\4\5\6Z/p' $download.head 2>/dev/null | tail -n 1 |
    sed 's/Jan/01/;s/Feb/02/;s/Mar/03/;s/Apr/04/;s/May/05/;s/Jun/06/;s/Jul/07/;s/Aug/08/;s/Sep/09/;s/Oct/10/;s/Nov/11/;s/Dec/12/')
  [ "$time" ] || time=$(date -u +%Y%m%dT%H%M%SZ)
  day=${time%T*} host=example-config.s3.eu-central-1.amazonaws.com path=/nodes/agent/0.1.0/$target/stringless-agent
  query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=$access_key%2F$day%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=$time&X-Amz-Expires=900${session_token:+&X-Amz-Security-Token=$session_token}&X-Amz-SignedHeaders=host"
  request=$(printf 'GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD' "$path" "$query" "$host" | hash_input)
  signing_key=$(printf %s "AWS4$secret_key" | od -An -v -tx1 | tr -d ' \n')
  for part in "$day" eu-central-1 s3 aws4_request; do signing_key=$(hmac "$signing_key" "$part"); done
  url="https://$host$path?$query&X-Amz-Signature=$(hmac "$signing_key" "AWS4-HMAC-SHA256
$time
$day/eu-central-1/s3/aws4_request
$request")"
}
# ---- End of signing.
# Gets the keys of the instance's role, or prints the cloud's reason.
get_role_keys() {
  header=X-aws-ec2-metadata-token roles=meta-data/iam/security-credentials/
  header="$header: $(metadata PUT "$header-ttl-seconds: 300" api/token)" && role=$(metadata GET "$header" $roles) &&
    answer=$(metadata GET "$header" "$roles$role") || return 1
  access_key=$(field AccessKeyId) secret_key=$(field SecretAccessKey)
  session_token=$(field Token | sed 's/%/%25/g;s/+/%2B/g;s,/,%2F,g;s/=/%3D/g')
  [ "$access_key" ] && return
  case $answer in '{'*) answer="$(field Code): $(field Message)" ;; esac
  say "the role '$role' has no keys: $(printf %.200s "$answer")"
  return 1
}
field() { printf %s "$answer" | sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
# Asks the metadata service.
metadata() { # METHOD HEADER PATH
  for service in 169.254.169.254 fd00:ec2::254; do
    reply=$(printf '%s /latest/%s HTTP/1.0\r\n%s\r\n\r\n' "$1" "$3" "$2" | nc -w 5 "$service" 80 | tr -d '\r')
    case $reply in HTTP/1.?' 200 '*) printf '%s\n' "$reply" | sed '1,/^$/d'; return ;; esac
    say "$service: $(printf '%s\n' "$reply" | head -n 1)"
  done
  return 1
}

repeater=/usr/local/etc/rc.d/stringless_bootstrap
service=/usr/local/etc/rc.d/stringless

# Prepares the repetition.
leave_copy() {
  mkdir -p $settings && chmod 700 $settings
  [ "$0" = $copy ] || { cp "$0" $copy.new && mv -f $copy.new $copy; } || { say 'cannot copy this script: nothing will repeat it'; return; }
  mkdir -p ${repeater%/*}
  cat >$repeater <<RC && chmod 555 $repeater
#!/bin/sh
# PROVIDE: stringless_bootstrap
# REQUIRE: LOGIN NETWORKING
case \$1 in *start)
  /usr/sbin/daemon -cf -p /var/run/stringless_bootstrap.pid -S -T stringless \\
    /bin/sh -c 'while sleep 30 && [ -f $copy ]; do sh $copy; done'
esac
RC
  sync
}

# The package tool asks nothing, waits for its lock, and has a time limit.
pkg() (umask 022 && ASSUME_ALWAYS_YES=yes LOCK_RETRIES=300 timeout 1800 pkg "$@")
install_package() { pkg install -qy "$1"; }
# Installs the engine, unless one is here.
install_engine() {
  PATH=$PATH:/opt/puppetlabs/bin
  if puppet --version >/dev/null 2>&1; then say 'using the puppet that is here'; return; fi
  systemctl -q mask puppet.service 2>/dev/null
  try 300 install_package 'openvox-agent8' || die 'cannot install openvox-agent8 (reason above)'
}

fetch_agent() { sign_url; get "$url" $download "$sha256"; }
# Fetches, checks, tries and renames the agent.
install_agent() {
  if ! has_hash $agent "$sha256"; then
    try 60 get_role_keys || die 'no role (reason above): attach an instance profile'
    try 60 fetch_agent || die 'cannot download the agent from example-config.s3.eu-central-1.amazonaws.com (reason above): is it published?'
    chmod 755 $download
    $download version >/dev/null || die 'the agent does not run here (reason above)'
    mv -f $download $agent || die "cannot write $agent"
  fi
  restorecon -F $agent 2>/dev/null
}

# Writes the agent's configuration.
write_configuration() {
  mkdir -p $state
  { cat >$settings/new && mv -f $settings/new $settings/agent.json; } <<'JSON' || die "cannot write $settings"
{"format":1,"rendered":"2026-11-20T18:00:00Z","state_dir":"/var/db/stringless","metadata":{"dmi":[{"sys_vendor":"Amazon EC2"},{"product_uuid":"ec2"}],"address":["http://169.254.169.254","http://[fd00:ec2::254]"],"token":{"path":"/latest/api/token","headers":{"X-aws-ec2-metadata-token-ttl-seconds":"300"},"header":"X-aws-ec2-metadata-token"},"instance_id":{"path":"/latest/meta-data/instance-id"},"region":{"path":"/latest/meta-data/placement/region"}},"layers":[{"site":"example","environment":"production","min_serial":7,"interval":300,"splay":60,"trust":{"version":1,"threshold":1,"keys":["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},"stores":[{"url":"s3://example-config/nodes","region":"eu-central-1","credentials":["instance_role"]}]}]}
JSON
}

# The first run. Status 1 (no answer) and 3 (a wrong one) may pass.
run_agent() {
  $agent --once
  status=$?
  [ $status != 1 ] && [ $status != 3 ]
}

# Schedules the agent; ends an earlier schedule.
set_schedule() {
  if [ -f $service ]; then
    service stringless onestop >/dev/null 2>&1
    sysrc -x stringless_enable >/dev/null 2>&1
  fi
  rm -f $service /etc/cron.d/stringless
  mkdir -p ${service%/*}
  cat >$service <<'RC' && chmod 555 $service && sysrc stringless_enable=YES >/dev/null || return 1
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
agent_pid=/var/run/stringless_agent.pid
command_args="-cf -R 30 -P $pidfile -p $agent_pid -S -T stringless /usr/local/bin/stringless-agent --daemon"
extra_commands=reload
reload_cmd='kill -HUP $(cat $agent_pid)'
run_rc_command "$1"
RC
  service stringless start
}

# At every exit.
clean_up() {
  status=$?
  rm -f $download*
  if [ $status != 0 ] && [ -f $copy ]; then
    say 'this script will be repeated'
    $repeater start 2>/dev/null
  fi
}

main() {
  trap clean_up EXIT
  trap 'copy=/; exit 1' HUP INT TERM
  check_machine
  (umask 022 && mkdir -p ${agent%/*})
  leave_copy
  install_engine
  install_agent
  write_configuration
  umask 022
  # Status 1: another run may be at work, and set_schedule would end it.
  rm -f $state/bootstrapped
  try 30 run_agent
  [ "$status" = 1 ] || try 30 set_schedule || die 'cannot schedule the agent'
  [ "$status" = 0 ] || { say "the first run failed with exit status $status (reason above)"; exit "$status"; }
  echo 60229c52ee179844 >$state/bootstrapped
  sync
  rm -f $copy $repeater
  say 'ready'
}
main "$@"
