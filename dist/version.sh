#!/bin/sh
# Prints the version of this tree: it stands in Cargo.toml alone.
set -eu

cd "$(dirname "$0")/.."
sed -n '/^\[workspace\.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml
