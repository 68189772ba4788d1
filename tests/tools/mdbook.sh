#!/bin/sh
# Builds mdbook, which makes a site of docs/, into the cache.
set -eu

exec "$(dirname "$0")/cargo-tool.sh" mdbook 0.5.4 --no-default-features --features search
