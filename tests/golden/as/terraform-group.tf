# Stringless: a group of Debian 12 (bookworm) nodes on Amazon EC2. Everyone who can read the state can read the
# user-data, too.
# A machine is in service when its first run went well. If that run fails, the group replaces the machine, and
# `terraform apply` fails at the end of wait_for_capacity_timeout. The policy of the nodes allows the signal:
# `stringless policy aws --for nodes --group terraform`.
variable "name" {
  description = "The name of the group"
  type        = string
  default     = "stringless-example-nodes"

  validation {
    condition     = can(regex("^stringless-example-[A-Za-z0-9._-]+$", var.name))
    error_message = "The policy of the nodes allows signals to groups with a name that begins with stringless-example- only."
  }
}

variable "image_id" {
  description = "An image of Debian 12 (bookworm)"
  type        = string
}

variable "instance_type" {
  type    = string
  default = "t3.micro"
}

variable "subnet_ids" {
  type = list(string)
}

variable "instance_profile" {
  description = "The instance profile whose role may read the bucket and send the signal"
  type        = string
}

variable "size" {
  description = "The number of nodes at first, and at least"
  type        = number
  default     = 2
}

variable "max_size" {
  type    = number
  default = 4
}

variable "tags" {
  description = "Tags of the nodes"
  type        = map(string)
  default     = {}
}

data "aws_region" "current" {}

data "aws_partition" "current" {}

locals {
  user_data = <<STRINGLESS
#!/bin/sh
# Stringless bootstrap: site example, environment production, serial 7 or later.
# Rendered for Debian 12 (bookworm) on Amazon EC2 by stringless 0.1.0.
# It installs openvox-agent 8.28.1 and stringless-agent 0.1.0; `main`, at the end, has the steps.
# After a failure it runs again, also at each boot.
# Exit status: the agent's; 1 before it runs. Output: /var/log/cloud-init-output.log
# Each line is explained by `stringless render --explain`.

# Errors are handled where they occur, even under `sh -e`.
set +Cefu
umask 077
HOME=$${HOME:-/root}
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
  system=$(. /etc/os-release && echo "$ID $${VERSION_ID-}")
  case $system in
    'debian 12' | 'debian 12'.*) ;;
    *) die "this system is '$system', the script is for 'debian 12': render it again" ;;
  esac
  case $(uname -m) in
    x86_64|amd64) target=x86_64-unknown-linux-musl sha256=11a7f97d7c53e609ba9fb10d25657f4474d2bfc81353533ddaec0ab2ca688e9c ;;
    aarch64|arm64) target=aarch64-unknown-linux-musl sha256=38990144ad7c86a796fa7844440da54dbc1ca481e48f87796209d8a9f5d26611 ;;
    *) die "no agent is pinned for the CPU $(uname -m)" ;;
  esac
  for hash_tool in sha256sum 'sha256 -q' 'shasum -a 256' 'openssl dgst -sha256 -r' ''; do has "$${hash_tool%% *}" && break; done
  [ "$hash_tool" ] || die 'no sha256sum, sha256, shasum or openssl'
  has curl || die 'no curl'
  systemd || has cron || has crond || die 'no systemd and no cron to run the agent again: set node.schedule to boot'
}

hash_input() { $hash_tool | cut -c1-64; }
has_hash() { [ -f "$1" ] && [ "$(hash_input <"$1")" = "$2" ]; } # FILE SHA256
# A captive portal's page is a failure, too.
is_pinned() { # FILE SHA256
  has_hash "$1" "$2" || { say "$1: its SHA-256 is not the pinned $2"; return 1; }
}

# Downloads a file. The URL, maybe secret, stays out of `ps`.
get() { # URL FILE SHA256
  printf 'url=%s\n' "$1" | curl -gfsSL --connect-timeout 10 -m 600 -D "$2.head" -o "$2" -K - &&
    is_pinned "$2" "$3"
}

# ---- Signing: gives the agent's URL an AWS signature (version 4, in the query), by the hash program alone: no
# key is an argument of a program. Derived and tested: docs/contributing/signing.md of Stringless.
# Prints HEX as bytes, each xor MASK.
xor() { # HEX MASK
  hex=$1 format=''
  while [ "$hex" ]; do
    rest=$${hex#??}
    byte=$((0x$${hex%"$rest"} ^ $2)) hex=$rest
    case $byte in 37) format=$format%% ;; *) format=$format\\$((byte / 64))$((byte / 8 % 8))$((byte % 8)) ;; esac
  done
  # shellcheck disable=SC2059
  printf "$format"
}
# HMAC-SHA256, as hex.
hmac() { # HEX_KEY TEXT
  key=$1
  [ $${#key} -le 128 ] || key=$(xor "$key" 0 | hash_input)
  while [ $${#key} -lt 128 ]; do key=$${key}00; done
  inner=$({ xor "$key" 54; printf %s "$2"; } | hash_input)
  { xor "$key" 92; xor "$inner" 0; } | hash_input
}
# Sets $url, dated by the last answer or the clock.
sign_url() {
  time=$(sed -n 's/^[< ]*[Dd]ate: ..., \(..\) \(...\) \(....\) \(..\):\(..\):\(..\) .*/\3\2\1T\4\5\6Z/p' $download.head 2>/dev/null | tail -n 1 |
    sed 's/Jan/01/;s/Feb/02/;s/Mar/03/;s/Apr/04/;s/May/05/;s/Jun/06/;s/Jul/07/;s/Aug/08/;s/Sep/09/;s/Oct/10/;s/Nov/11/;s/Dec/12/')
  [ "$time" ] || time=$(date -u +%Y%m%dT%H%M%SZ)
  day=$${time%T*} host=example-config.s3.eu-central-1.amazonaws.com path=/nodes/agent/0.1.0/$target/stringless-agent
  query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=$access_key%2F$day%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-Date=$time&X-Amz-Expires=900$${session_token:+&X-Amz-Security-Token=$session_token}&X-Amz-SignedHeaders=host"
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
  for service in 169.254.169.254 '[fd00:ec2::254]'; do
    printf 'header="%s"\nurl=http://%s/latest/%s\n' "$2" "$service" "$3" | curl -gfsS --noproxy '*' --connect-timeout 2 -m 5 -X "$1" -K - && return
  done
  return 1
}

unit=/etc/systemd/system/stringless
systemd() { [ -d /run/systemd/system ]; }
add_cron() { mkdir -p /etc/cron.d && echo "$2 root PATH=$PATH $3 2>&1 | logger -t stringless" >/etc/cron.d/"$1"; } # NAME TIMES COMMAND

# Prepares the repetition.
leave_copy() {
  mkdir -p $settings && chmod 700 $settings
  [ "$0" = $copy ] || { cp "$0" $copy.new && mv -f $copy.new $copy; } || { say 'cannot copy this script: nothing will repeat it'; return; }
  systemd || add_cron stringless-bootstrap '*/5 * * * *' "sh $copy"
  systemd && cat >$unit-bootstrap.service <<UNIT && systemctl daemon-reload && systemctl -q enable stringless-bootstrap
[Service]
ExecStart=/bin/sh $copy
Restart=on-failure
RestartSec=30
[Install]
WantedBy=multi-user.target
UNIT
  sync
}

# No questions; first completes what was interrupted.
apt() (
  umask 022
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
  dpkg --force-confold --configure -a
  apt-get -qy -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
)
add_package() { apt install "$1"; }
install_package() { apt update; apt install "$1"; }
# Installs the engine, unless one is here.
install_engine() {
  PATH=$PATH:/opt/puppetlabs/bin
  if puppet --version >/dev/null 2>&1; then say 'using the puppet that is here'; return; fi
  repository=https://apt.voxpupuli.org/openvox8-release-debian12.deb package=$download.deb
  try 60 get $repository $package cae66afe3057e4eb553d161dd813fb8e53fc3493d0b0804fdc40214a589247de || die "cannot download $repository (reason above)"
  try 300 add_package $package || die "cannot install $repository (reason above)"
  systemctl -q mask puppet.service 2>/dev/null
  try 300 install_package 'openvox-agent=8.28.1-*' || die 'cannot install openvox-agent 8.28.1 (reason above)'
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
{"format":1,"rendered":"2026-11-20T18:00:00Z","signal":[{"service":"autoscaling","region":"${data.aws_region.current.id}","endpoint":"https://autoscaling.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}/","credentials":["instance_role"],"fields":{"Action":"CompleteLifecycleAction","AutoScalingGroupName":"${var.name}","InstanceId":"{instance}","LifecycleHookName":"first-run","Version":"2011-01-01"},"success":{"LifecycleActionResult":"CONTINUE"},"failure":{"LifecycleActionResult":"ABANDON"}}],"layers":[{"site":"example","environment":"production","min_serial":7,"interval":300,"splay":60,"trust":{"version":1,"threshold":1,"keys":["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},"stores":[{"url":"s3://example-config/nodes","region":"eu-central-1","credentials":["instance_role"]}]}]}
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
  systemctl stop 'stringless.*' 2>/dev/null
  rm -f /etc/cron.d/stringless $${unit%/*}/*.wants/stringless.*
  if ! systemd; then
    minute=$(od -An -N2 -tu2 /dev/urandom)
    add_cron stringless "$((minute % 5))-59/5 * * * *" "$agent --once"
    return
  fi
  cat >$unit.service <<UNIT || return
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/local/bin/stringless-agent --once
KillMode=mixed
OOMPolicy=continue
UNIT
  cat >$unit.timer <<UNIT || return
[Timer]
OnBootSec=30
OnUnitInactiveSec=300
RandomizedDelaySec=60
AccuracySec=1
[Install]
WantedBy=timers.target
UNIT
  systemctl daemon-reload && systemctl -q enable stringless.timer && systemctl start --no-block stringless.timer
}

# At every exit.
clean_up() {
  status=$?
  rm -f $download*
  if [ $status != 0 ] && [ -f $copy ]; then
    say 'this script will be repeated'
    systemd && systemctl start --no-block stringless-bootstrap
  fi
}

main() {
  trap clean_up EXIT
  trap 'copy=/; exit 1' HUP INT TERM
  check_machine
  (umask 022 && mkdir -p $${agent%/*})
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
  echo e31b0e84819fa306 >$state/bootstrapped
  sync
  rm -f $copy /etc/cron.d/stringless-bootstrap $unit-bootstrap.service $${unit%/*}/*.wants/stringless-bootstrap.service
  say 'ready'
}
main "$@"
STRINGLESS
}

resource "aws_launch_template" "nodes" {
  name_prefix   = "${var.name}-"
  image_id      = var.image_id
  instance_type = var.instance_type
  user_data     = base64encode(local.user_data)

  iam_instance_profile {
    name = var.instance_profile
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
}

# A new rendering makes a new version of the launch template, and the group replaces its machines a few at a time.
resource "aws_autoscaling_group" "nodes" {
  name                = var.name
  min_size            = var.size
  max_size            = var.max_size
  vpc_zone_identifier = var.subnet_ids

  launch_template {
    id      = aws_launch_template.nodes.id
    version = aws_launch_template.nodes.latest_version
  }

  # Within half an hour the agent says how the first run ended. A hook in a resource of its own would come after the
  # first machines.
  wait_for_capacity_timeout = "40m"

  initial_lifecycle_hook {
    name                 = "first-run"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    default_result       = "ABANDON"
    heartbeat_timeout    = 1800
  }

  instance_refresh {
    strategy = "Rolling"
  }

  tag {
    key                 = "Name"
    value               = var.name
    propagate_at_launch = true
  }

  dynamic "tag" {
    for_each = var.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}
