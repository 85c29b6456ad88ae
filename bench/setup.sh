#!/bin/sh
# Installs what the benchmarks compare with under bench/.work: a Python environment and, for each
# package.json named on the command line (a directory under bench/), its npm packages.
#
#     bench/setup.sh [e2e/peer] [engine]
#
# PYTHON picks the interpreter (default: python3.11, then python3).
set -eu

bench=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work="$bench/.work"
mkdir -p "$work"

if [ ! -x "$work/venv/bin/python" ]; then
    python=${PYTHON:-python3.11}
    command -v "$python" >/dev/null 2>&1 || python=python3
    "$python" -m venv "$work/venv"
fi
if ! cmp -s "$bench/requirements.txt" "$work/venv/installed.txt"; then
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$bench/requirements.txt"
    cp "$bench/requirements.txt" "$work/venv/installed.txt"
fi

for source in "$@"; do
    target="$work/$(basename "$source")"
    mkdir -p "$target"
    if ! cmp -s "$bench/$source/package.json" "$target/installed.json"; then
        cp "$bench/$source/package.json" "$target/package.json"
        (cd "$target" && npm install --no-audit --no-fund --no-package-lock --loglevel=error)
        cp "$bench/$source/package.json" "$target/installed.json"
    fi
done
