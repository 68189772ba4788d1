#!/bin/sh
# make demo: the whole way on this machine. A site, a bucket that is a folder, and a node that boots
# from rendered user-data in a throw-away root; then a change, and a check that finds nothing new.
# Everything is in demo-site/; nothing else of this machine is written to.
set -eu

main() {
    prepare

    step 'Make a site: a name, a key pair, settings'
    mkdir "$demo/bucket"
    run stringless init site --site example --store "file://$demo/bucket" --no-password
    cd "$demo/site"
    schedule

    step 'Put in what machines should look like: a script and its files'
    cp -R "$content/." .
    note 'the script supports --noop: stringless.yaml says so'
    sed 's/{run: apply}/{run: apply, noop: true}/' stringless.yaml >stringless.yaml.new
    mv stringless.yaml.new stringless.yaml
    run ls

    step 'Put the agent into the bucket, pinned by its hash'
    run stringless agent push --from "$demo/agents"

    step 'Pack, sign and publish it: release 1'
    run stringless publish

    step "Render user-data for $distro on $cloud"
    note 'the role chooses lines of data/roles'
    run stringless render "$distro" "$cloud" --role web --label dc=lab --out "$demo/user-data"
    note "$(wc -c <"$demo/user-data" | tr -d ' ') bytes, the beginning of it:"
    sed -n 's/^# /    | &/p' "$demo/user-data" | head -n 5

    step 'First boot: run exactly this user-data in a throw-away root'
    mkdir -p "$demo/node/root"
    cp "$demo/user-data" "$demo/node/root/user-data"
    chmod 700 "$demo/node/root/user-data"
    on_node /root/user-data
    on_node cat /etc/motd /etc/site/settings
    if [ -e "$demo/node/etc/cron.d/stringless" ]; then
        on_node cat /etc/cron.d/stringless
    fi

    step 'Change one line and publish it: release 2'
    sed 's/^greeting=.*/greeting=Hello from the second release/' data/settings >data/settings.new
    mv data/settings.new data/settings
    may 2 stringless diff
    run stringless publish

    step "The node's next check takes it"
    on_node stringless-agent --once
    cp "$demo/node/var/lib/stringless/last-run.json" "$demo/report"
    on_node site-greeting
    reported 'packs fetched' fetched
    reported 'bytes received, the manifest included' received
    all=$(cat "$demo"/bucket/packs/* | wc -c | tr -d ' ')
    note "all packs together: $all bytes; the agent: $(wc -c <"$agent" | tr -d ' ')"

    step 'The check after that finds nothing new'
    on_node stringless-agent --once --json
    reported outcome outcome
    reported 'bytes received' received
    reported milliseconds milliseconds
    on_node stringless-agent status

    step 'Publish a newer agent: the next check tries it and puts it in place'
    newer_agent
    run stringless agent push --from "$demo/newer"
    run stringless publish
    on_node stringless-agent --once
    on_node stringless-agent status

    step 'Somebody changes a file by hand: --noop shows it, --force puts it right'
    printf 'changed by hand\n' >"$demo/node/etc/motd"
    on_node stringless-agent --once --force --noop
    on_node stringless-agent --once --force
    took

    printf '\n%sThat was the whole way.%s Look around in demo-site/: site/ is what you would keep in git,\n' "$bold" "$plain"
    printf 'bucket/ what a node can read, user-data what you would paste, node/ the disk of the node.\n'
    printf 'README.md says how to do the same with an account at a cloud.\n'
}

# Finds the programs, and makes an empty demo-site/.
prepare() {
    here=$(cd "$(dirname "$0")" && pwd)
    root=$(cd "$here/../.." && pwd)
    content=$root/tests/fixtures/script-site
    demo=$root/demo-site
    distro=debian-13 cloud=nocloud
    bold='' dim='' plain=''
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
    fi
    export NO_COLOR=1

    generator=${GENERATOR_BIN:-$root/target/release/stringless}
    target=$(uname -m)-unknown-linux-musl
    agent=${AGENT_BIN:-$root/target/agents/$target/stringless-agent}
    for program in "$generator" "$agent"; do
        if [ ! -x "$program" ]; then
            fail "there is no '$program' yet" 'make demo (it builds both programs first)'
        fi
    done

    if [ -e "$demo" ]; then
        if [ ! -e "$demo/.made-by-make-demo" ]; then
            fail "the folder '$demo' is there, and not from an earlier demo" "mv '$demo' somewhere else"
        fi
        rm -rf "$demo" 2>/dev/null ||
            fail "removing the last demo in '$demo': it belongs to another user" "sudo rm -r '$demo'"
    fi
    mkdir -p "$demo/programs" "$demo/agents/$target"
    : >"$demo/.made-by-make-demo"
    ln -s "$generator" "$demo/programs/stringless"
    ln -s "$agent" "$demo/agents/$target/stringless-agent"
    PATH=$demo/programs:$PATH
    # Before anything else is shown: can this machine play a node?
    "$here/node.sh" "$demo/node" "$demo" true
    cd "$demo"
    steps=0
    begun=$(now)
}

# No systemd runs in the throw-away root: cron is set up there, if this machine has a cron.
schedule() {
    for program in cron crond; do
        if PATH=/usr/sbin:/sbin:/usr/bin:/bin command -v "$program" >/dev/null; then
            mkdir -p "$demo/node/etc/cron.d"
            return 0
        fi
    done
    sed 's/schedule: timer/schedule: boot/' stringless.yaml >stringless.yaml.new
    mv stringless.yaml.new stringless.yaml
    note 'no cron on this machine: schedule set to boot, and the demo runs the checks'
}

# The same agent, which calls itself the next version: there is no other one to show.
newer_agent() {
    version=$("$agent" version)
    version=${version##* }
    newer=${version%.*}.9
    mkdir -p "$demo/newer/$target"
    LC_ALL=C sed "s/version of this agent: $version\$/version of this agent: $newer/" "$agent" >"$demo/newer/$target/stringless-agent"
    chmod 755 "$demo/newer/$target/stringless-agent"
    printf 'agent: {version: %s}\n' "$newer" >>stringless.yaml
    note "the agent of this demo, which calls itself $newer from now on; stringless.yaml names it"
}

# step TEXT: ends the last step and begins one.
step() {
    took
    steps=$((steps + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$plain"
    begun=$(now)
}

# Says how long the step took.
took() {
    if [ "$steps" -gt 0 ]; then
        hundredths=$(($(now) - begun))
        printf '%s    %d.%02d s%s\n' "$dim" $((hundredths / 100)) $((hundredths % 100)) "$plain"
    fi
}

# Hundredths of a second since this machine started.
now() {
    read -r up _ </proc/uptime
    printf '%s%s\n' "${up%.*}" "${up#*.}"
}

# run COMMAND...: shows it, runs it, and ends the demo when it fails.
run() {
    may 0 "$@"
}

# may CODE COMMAND...: the same for a command that may also end with CODE.
may() {
    code=0
    allowed=$1
    shift
    show "\$ $*"
    "$@" >"$demo/output" 2>&1 || code=$?
    sed 's/^./    &/' "$demo/output"
    if [ "$code" != 0 ] && [ "$code" != "$allowed" ]; then
        fail "the command ended with $code" "its output stands above; demo-site/ is as it left it"
    fi
}

# on_node COMMAND...: runs it in the throw-away root.
on_node() {
    code=0
    show "node# $*"
    "$here/node.sh" "$demo/node" "$demo/bucket" "$@" >"$demo/output" 2>&1 || code=$?
    case "$*" in
    *--json) mv "$demo/output" "$demo/report" ;;
    *) sed 's/^./    &/' "$demo/output" ;;
    esac
    if [ "$code" != 0 ]; then
        fail "on the node the command ended with $code" "its output stands above; the node's disk is demo-site/node/"
    fi
}

show() {
    # Shorter, but for URLs, where only the whole path is right.
    text=$(printf '%s\n' "$1" | sed "s| $demo/| demo-site/|g")
    printf '  %s%s%s\n' "$dim" "$text" "$plain"
}

# reported TEXT KEY: a word or number of the node's report of a run.
reported() {
    note "$1: $(sed -n "s/.*\"$2\": *\"*\([a-z0-9]*\).*/\1/p" "$demo/report" | tail -n 1)"
}

note() {
    printf '    %s\n' "$1"
}

fail() {
    printf 'error: %s\n\nhint: %s\n' "$1" "$2" >&2
    exit 1
}

main "$@"
