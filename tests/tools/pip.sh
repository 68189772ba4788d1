#!/bin/sh
# Installs the Python programs that tests use (tests/tools/python.txt) into the cache: python, a link to
# python-KEY, a virtual environment. Every package is pinned there, so none is resolved; once there it
# costs nothing.
set -eu

tools=$(cd "$(dirname "$0")" && pwd)
cache=${STRINGLESS_CACHE:-$tools/../../.cache}
key=$(cat "$0" "$tools/python.txt" | sha256sum | cut -c1-12)
dir=$cache/python-$key

[ "$(readlink "$cache/python" 2>/dev/null)" != "python-$key" ] || [ ! -d "$dir" ] || exit 0
mkdir -p "$cache"
exec 9>"$cache/.lock-python"
flock 9

if [ ! -e "$dir/.whole" ]; then
    echo "installing Python programs into the cache"
    # In its final place: what pip writes names the interpreter by its path.
    rm -rf "$dir"
    trap '[ -e "$dir/.whole" ] || rm -rf "$dir"' EXIT
    python3 -m venv "$dir" 9>&-
    "$dir/bin/pip" install --quiet --disable-pip-version-check --no-input --no-deps --only-binary :all: \
        --requirement "$tools/python.txt" 9>&-
    touch "$dir/.whole"
fi
ln -sfn "python-$key" "$cache/python"
for old in "$cache"/python-*; do
    [ "$old" = "$dir" ] || rm -rf "$old"
done
