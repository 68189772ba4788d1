#!/bin/sh
# Stringless bootstrap: site example, environment production, serial 7 or later.
# Rendered for Alpine Linux 3.23 on Amazon EC2 by stringless 0.1.0.
# It installs stringless-agent 0.1.0; `main`, at the end, has the steps.
# After a failure it runs again, also at each boot.
# Exit status: the agent's; 1 before it runs. Output: /var/log/cloud-init-output.log or /var/log/user-data.log
# Each line is explained by `stringless render --explain`.

# Errors are handled where they occur, even under `sh -e`.
set +Cefu
umask 077
HOME=${HOME:-/root}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
agent=/usr/local/bin/stringless-agent
download=$agent.new
settings=/etc/stringless
state=/var/lib/stringless
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
  system=$(. /etc/os-release && echo "$ID ${VERSION_ID-}")
  case $system in
    'alpine 3.23' | 'alpine 3.23'.*) ;;
    *) die "this system is '$system', the script is for 'alpine 3.23': render it again" ;;
  esac
  case $(uname -m) in
    x86_64|amd64) target=x86_64-unknown-linux-musl sha256=11a7f97d7c53e609ba9fb10d25657f4474d2bfc81353533ddaec0ab2ca688e9c ;;
    aarch64|arm64) target=aarch64-unknown-linux-musl sha256=38990144ad7c86a796fa7844440da54dbc1ca481e48f87796209d8a9f5d26611 ;;
    *) die "no agent is pinned for the CPU $(uname -m)" ;;
  esac
  for hash_tool in sha256sum 'sha256 -q' 'shasum -a 256' 'openssl dgst -sha256 -r' ''; do has "${hash_tool%% *}" && break; done
  [ "$hash_tool" ] || die 'no sha256sum, sha256, shasum or openssl'
  for downloader in curl wget ''; do has "$downloader" && break; done
  [ "$downloader" ] || die 'no curl, wget or python3'
  has nc || die 'no nc'
  openrc || has cron || has crond || die 'no OpenRC and no cron to run the agent again: set node.schedule to boot'
}

hash_input() { $hash_tool | cut -c1-64; }
has_hash() { [ -f "$1" ] && [ "$(hash_input <"$1")" = "$2" ]; } # FILE SHA256
# A captive portal's page is a failure, too.
is_pinned() { # FILE SHA256
  has_hash "$1" "$2" || { say "$1: its SHA-256 is not the pinned $2"; return 1; }
}

# Downloads a file. The URL, maybe secret, stays out of `ps`.
get() { # URL FILE SHA256
  case $downloader in
    curl) printf 'url=%s\n' "$1" | curl -gfsSL --connect-timeout 10 -m 600 -D "$2.head" -o "$2" -K - ;;
    wget) timeout 300 wget -S -O "$2" "$1" 2>"$2.head" || {
      grep . "$2.head" | tail -n 1 >&2
      # It shows no header of a refusal: asks for the clock.
      port=${host#*:}
      [ "$port" != "$host" ] || port=80
      has nc && printf 'HEAD / HTTP/1.0\r\nHost: %s\r\n\r\n' "$host" | nc -w 5 "${host%%:*}" "$port" >>"$2.head"
      false
    } ;;
  esac && is_pinned "$2" "$3"
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

service=/etc/init.d/stringless
openrc() { [ -d /run/openrc ]; }
add_cron() { # NAME TIMES COMMAND
  mkdir -p /etc/crontabs
  echo "$2 PATH=$PATH $3 2>&1 | logger -t stringless" >>/etc/crontabs/root && : >/etc/crontabs/cron.update
}

# Prepares the repetition.
leave_copy() {
  mkdir -p $settings && chmod 700 $settings
  [ "$0" = $copy ] || { cp "$0" $copy.new && mv -f $copy.new $copy; } || { say 'cannot copy this script: nothing will repeat it'; return; }
  openrc || add_cron stringless-bootstrap '*/5 * * * *' "[ ! -f $copy ] || sh $copy"
  openrc && cat >$service-bootstrap <<RC && chmod 755 $service-bootstrap && rc-update -q add stringless-bootstrap default
#!/sbin/openrc-run
command=/bin/sh
command_args="-c 'while sleep 30 && [ -f $copy ]; do sh $copy >/var/log/stringless-bootstrap.log 2>&1; done'"
command_background=yes
pidfile=/run/stringless-bootstrap.pid
RC
  sync
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
{"format":1,"rendered":"2026-11-20T18:00:00Z","metadata":{"dmi":[{"sys_vendor":"Amazon EC2"},{"product_uuid":"ec2"}],"address":["http://169.254.169.254","http://[fd00:ec2::254]"],"token":{"path":"/latest/api/token","headers":{"X-aws-ec2-metadata-token-ttl-seconds":"300"},"header":"X-aws-ec2-metadata-token"},"instance_id":{"path":"/latest/meta-data/instance-id"},"region":{"path":"/latest/meta-data/placement/region"}},"layers":[{"site":"example","environment":"production","min_serial":7,"interval":300,"splay":60,"trust":{"version":1,"threshold":1,"keys":["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},"stores":[{"url":"s3://example-config/nodes","region":"eu-central-1","credentials":["instance_role"]}]}]}
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
    rc-service stringless stop
    rc-update del stringless
  fi >/dev/null 2>&1
  sed -i /stringless-agent/d /etc/crontabs/root 2>/dev/null
  rm -f $service
  if openrc; then
    cat >$service <<RC && chmod 755 $service && rc-update -q add stringless default || return 1
#!/sbin/openrc-run
supervisor=supervise-daemon
command=/usr/local/bin/stringless-agent
command_args=--daemon
output_log=/var/log/stringless.log
error_log=/var/log/stringless.log
respawn_delay=30
respawn_max=0
depend() { use net; }
RC
    rc-service stringless start
    return
  fi
  minute=$(od -An -N2 -tu2 /dev/urandom)
  add_cron stringless "$((minute % 5))-59/5 * * * *" "$agent --once" || return 1
  [ -x /etc/init.d/crond ] || return 0
  rc-update -q add crond default
  rc-service -q crond start
}

# At every exit.
clean_up() {
  status=$?
  rm -f $download*
  if [ $status != 0 ] && [ -f $copy ]; then
    say 'this script will be repeated'
    openrc && rc-service stringless-bootstrap start >/dev/null 2>&1
  fi
}

main() {
  trap clean_up EXIT
  trap 'copy=/; exit 1' HUP INT TERM
  check_machine
  (umask 022 && mkdir -p ${agent%/*})
  leave_copy
  install_agent
  write_configuration
  umask 022
  # Status 1: another run may be at work, and set_schedule would end it.
  rm -f $state/bootstrapped
  try 30 run_agent
  [ "$status" = 1 ] || try 30 set_schedule || die 'cannot schedule the agent'
  [ "$status" = 0 ] || { say "the first run failed with exit status $status (reason above)"; exit "$status"; }
  echo abeada8021f449b9 >$state/bootstrapped
  sync
  rm -f $copy
  sed -i /bootstrap.sh/d /etc/crontabs/root 2>/dev/null
  if [ -f $service-bootstrap ]; then
    rc-service stringless-bootstrap stop >/dev/null 2>&1
    rc-update -q del stringless-bootstrap default
    rm -f $service-bootstrap
  fi
  say 'ready'
}
main "$@"
