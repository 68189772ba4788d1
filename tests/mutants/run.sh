#!/usr/bin/env bash
# usage: run.sh [NAME…]     takes each protection out of a copy of the tree, and demands that its test fails
#        run.sh --table     prints the table of docs/contributing/security-tests.md
#
# A mutant is a file NAME.patch: a few lines `key: value`, then a unified diff that removes one protection.
#
#   attack:      the attack or the fault
#   protection:  what stands against it, and where
#   test:        BINARY::TEST, of tests/ or of crates/core; unit::TEST is one within agent/src, generator::TEST one within
#                generator/src
#   shown:       `not yet`, while no run of this script has seen the test fail; else there is no such line
#   ends:        `timeout`, where the test of the mutant hangs; else that counts as no failure
#   build:       what is built for it: `agent`, `checkpoints`, `generator`, `tests`
#
# The tests are those of the tree as it is: a patch changes only the program that they run (but with
# `build: tests`, where the test itself carries the code). Each test must pass there first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
limit=${MUTANT_SECONDS:-1500}

main() {
    if [ "${1-}" = --table ]; then
        table
        return
    fi
    cd "$root"
    target=${CARGO_TARGET_DIR:-$root/target}
    export CARGO_TARGET_DIR=$target/mutants CI=1
    export STRINGLESS_CACHE=${STRINGLESS_CACHE:-$root/.cache}
    cpu=$(uname -m)-unknown-linux-musl
    # As in the Makefile: no package for musl is needed.
    local compiler=CC_${cpu//-/_}
    export "$compiler=${!compiler:-cc}"
    bin=$CARGO_TARGET_DIR/bin
    export AGENT_BIN=$bin/$cpu/stringless-agent AGENT_CHECKPOINTS_BIN=$bin/checkpoints GENERATOR_BIN=$bin/stringless
    tree=$CARGO_TARGET_DIR/tree log=$CARGO_TARGET_DIR/log
    copy_tree
    cd "$tree"

    local names=("$@") name
    [ $# -gt 0 ] || for name in "$here"/*.patch; do names+=("$(basename "$name" .patch)"); done
    echo "building the tree as it is"
    build agent checkpoints generator || { tail -n 40 "$log" >&2; return 1; }
    mkdir -p "$bin/as-is"
    cp -a "$bin/$cpu" "$bin/checkpoints" "$bin/stringless" "$bin/as-is"
    local failed=0 began verdict
    printf '%-10s %-8s %-36s %s\n' verdict seconds mutant test
    for name in "${names[@]}"; do
        began=$SECONDS
        verdict=$(mutant "$here/$name.patch") || failed=1
        printf '%-10s %-8s %-36s %s\n' "$verdict" $((SECONDS - began)) "$name" "$(field test "$here/$name.patch")"
    done
    [ "$failed" = 0 ] || echo "error: a protection can be removed, and nothing fails: see above" >&2
    return "$failed"
}

# A copy of what git knows and of what it would. Only what differs is written, so that what was built stays
# built; and it is written with a new time, so that what a run that was cut off has built does not.
copy_tree() {
    local file
    mkdir -p "$tree" "$bin/$cpu"
    while IFS= read -r -d '' file; do
        [ -e "$root/$file" ] || rm -f "$tree/$file"
    done < <(cd "$tree" && find . -path ./.git -prune -o ! -type d -printf '%P\0')
    while IFS= read -r -d '' file; do
        [ -f "$root/$file" ] || [ -L "$root/$file" ] || continue
        cmp -s "$root/$file" "$tree/$file" && continue
        mkdir -p "$(dirname "$tree/$file")"
        cp -P --preserve=mode "$root/$file" "$tree/$file"
    done < <(git ls-files -z --cached --others --exclude-standard)
    # A patch is applied below the nearest repository, or nowhere at all.
    [ -d "$tree/.git" ] || git -C "$tree" init -q
    rm -rf "$CARGO_TARGET_DIR/passed"
    mkdir -p "$CARGO_TARGET_DIR/passed"
}

# mutant FILE: prints the verdict; fails unless the test does what it should.
mutant() {
    local patch=$1 test what status verdict=killed
    test=$(field test "$patch")
    read -ra what <<<"$(field build "$patch")"
    if [ ! -e "$CARGO_TARGET_DIR/passed/$test" ]; then
        run "$test" >"$log" 2>&1 || { keep_log "$patch"; echo fails-as-is; return 1; }
        touch "$CARGO_TARGET_DIR/passed/$test"
    fi
    git apply "$patch" 2>"$log" || { keep_log "$patch"; echo stale; return 1; }
    if ! build "${what[@]}"; then
        verdict=no-build
    else
        status=0
        run "$test" >"$log" 2>&1 || status=$?
        case $status in
        0) verdict=SURVIVED ;;
        # It hangs, and may have failed for any reason: that has to be what the patch says.
        124 | 137) [ "$(field ends "$patch")" = timeout ] || verdict=timeout ;;
        *) ! grep -q 'SKIP: ' "$log" || verdict=skipped ;;
        esac
    fi
    git apply --reverse "$patch"
    # What runs next runs the programs of the tree as it is.
    cp -a --remove-destination "$bin/as-is/." "$bin"
    [[ " ${what[*]} " != *" tests "* ]] || rm -f "$CARGO_TARGET_DIR"/passed/.exe-*
    keep_log "$patch"
    echo "$verdict"
    [ "$verdict" = killed ]
}

# keep_log FILE: keeps what was printed for a mutant, to find out why.
keep_log() {
    mkdir -p "$CARGO_TARGET_DIR/logs"
    cp "$log" "$CARGO_TARGET_DIR/logs/$(basename "$1" .patch)"
}

# build WHAT…: puts the programs where the tests look for them.
build() {
    local what
    for what in "$@"; do
        case $what in
        agent)
            cargo build --locked --quiet --package stringless-agent --target "$cpu" >"$log" 2>&1 || return 1
            cp --remove-destination "$CARGO_TARGET_DIR/$cpu/debug/stringless-agent" "$AGENT_BIN"
            ;;
        checkpoints)
            cargo build --locked --quiet --package stringless-agent --features checkpoints >"$log" 2>&1 || return 1
            cp --remove-destination "$CARGO_TARGET_DIR/debug/stringless-agent" "$AGENT_CHECKPOINTS_BIN"
            ;;
        generator)
            cargo build --locked --quiet --package stringless >"$log" 2>&1 || return 1
            cp --remove-destination "$CARGO_TARGET_DIR/debug/stringless" "$GENERATOR_BIN"
            ;;
        tests) rm -f "$CARGO_TARGET_DIR"/passed/.exe-* ;;
        *) echo "error: building \`$what\`: no such thing" >&2; return 1 ;;
        esac
    done
}

# run BINARY::TEST: runs exactly this test.
run() {
    local binary=${1%%::*} name=${1#*::} package=e2e which=(--test "${1%%::*}") program count
    grep -q "^name = \"$binary\"" tests/Cargo.toml || package=stringless-core
    [ "$binary" != unit ] || { package=stringless-agent which=(--lib); }
    [ "$binary" != generator ] || { package=stringless which=(--lib); }
    local known=$CARGO_TARGET_DIR/passed/.exe-$binary
    if [ ! -e "$known" ]; then
        program=$(cargo test --locked --quiet --no-run --package "$package" "${which[@]}" --message-format=json |
            sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
        [ -n "$program" ] || return 1
        # A program of its own: the next build of the tree replaces the other.
        cp --remove-destination "$program" "$bin/test-$binary"
        touch "$known"
    fi
    local folder=tests
    case $package in
    stringless-core) folder=crates/core ;;
    stringless-agent) folder=agent ;;
    stringless) folder=generator ;;
    esac
    count=$(cd "$folder" && "$bin/test-$binary" --list --exact "$name" | grep -c ': test$') || count=0
    [ "$count" = 1 ] || { echo "error: there is no test $1"; return 0; }
    (cd "$folder" && timeout --kill-after=5 "$limit" "$bin/test-$binary" --exact "$name")
}

# field KEY FILE: the value of a line before the diff.
field() {
    sed -n "/^--- /q; s/^$1: *//p" "$2"
}

# The rows, by attack and protection.
table() {
    echo '| attack or fault | protection | test | fails without it |'
    echo '|---|---|---|---|'
    for patch in "$here"/*.patch; do
        shown=$(field shown "$patch")
        echo "| $(field attack "$patch") | $(field protection "$patch") | \`$(field test "$patch")\` | ${shown:-yes} |"
    done | LC_ALL=C sort
}

main "$@"
