#!/bin/sh
# Picture quality beside sharp and Pillow. Prepares bench/.work, builds Minilab and the scorer, then runs run.py with the
# options given. Needs cargo, Python ≥ 3.11 with venv, Node ≥ 20 with npm, and apt for the photos.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mkdir -p "$here/../.work" && CDPATH= cd -- "$here/../.work" && pwd)

"$here/../setup.sh" quality
"$here/../photos.sh" >&2
(cd "$here/../.." && cargo build --release --ignore-rust-version --package minilab)
CARGO_TARGET_DIR="$work/quality/target" cargo build --release --locked --manifest-path "$here/scorer/Cargo.toml"
exec "$work/venv/bin/python" "$here/run.py" "$@"
