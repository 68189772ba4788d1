#!/bin/sh
# build.sh TARGET_DIR
#
# Builds both programs for `make demo`, in one run of cargo and for one target: each package that both use is
# compiled once. On a terminal a line shows the progress. What cargo prints is in TARGET_DIR/demo.log.
set -eu

built=$1
target=$(uname -m)-unknown-linux-musl
log=$built/demo.log
mkdir -p "$built"
cd "$(dirname "$0")/../.."

# packages: how many cargo compiles in all, where nothing is built yet.
packages() {
    cargo tree --locked --quiet --package stringless --package stringless-agent --target "$target" --edges normal,build \
        --prefix none --format '{p}' 2>/dev/null | sed 's/ (\*)$//' | sort -u | wc -l | tr -d ' '
}

# seconds SINCE: how long ago that was.
seconds() {
    echo $(($(date +%s) - $1))
}

# progress SINCE TOTAL: the line that stands on a terminal while cargo runs.
progress() {
    printf '\r    %s of %s packages, %s s ' "$(grep -cE '^ +Compiling ' "$log" || :)" "$2" "$(seconds "$1")"
}

printf 'Building the generator and the agent for the demo: one to two minutes the first time, on two cores.\n'
begun=$(date +%s)
: >"$log"
# A process of this shell, so that an interrupt ends both.
cargo build --locked --profile demo --package stringless --package stringless-agent --target "$target" >"$log" 2>&1 &
cargo=$!
trap 'kill "$cargo" 2>/dev/null || :' EXIT
trap 'exit 1' HUP INT TERM
if [ -t 1 ]; then
    total=$(packages)
    while kill -0 "$cargo" 2>/dev/null; do
        progress "$begun" "$total"
        sleep 1
    done
    printf '\r%60s\r' ''
fi
code=0
wait "$cargo" || code=$?
trap - EXIT
if [ "$code" != 0 ]; then
    grep -A 12 -m 1 '^error' "$log" >&2 || tail -n 12 "$log" >&2
    printf '\nerror: building for the demo: cargo ended with %s\n\nhint: all that it printed is in %s\n' "$code" "$log" >&2
    exit 1
fi
mkdir -p "$built/demo"
for program in stringless stringless-agent; do
    ln -f "$built/$target/demo/$program" "$built/demo/$program"
done
printf 'Built in %s s. The agent is built for a quick demo here; make agents builds the smaller one for real nodes.\n' \
    "$(seconds "$begun")"
