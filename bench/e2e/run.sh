#!/bin/sh
# PUT → thumbnail visible: Minilab beside serverless-s3-local + Pillow, in one run. Needs cargo, Python ≥ 3.11
# with venv, Node ≥ 18.12 with npm, and apt for the photo. Options go to bench.py (see --help).
#
#     bench/e2e/run.sh                        all of it
#     bench/e2e/run.sh --rounds 5 --poll-ms 5
#     MINILAB=/path/to/minilab bench/e2e/run.sh   a binary that exists already
#     MINILAB=none bench/e2e/run.sh           the peer alone
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work="$here/../.work"

"$here/../setup.sh" e2e/peer
python=$(CDPATH= cd -- "$work" && pwd)/venv/bin/python
if [ ! -f "$work/e2e/photo.jpg" ]; then
    "$here/../photos.sh" >&2
    "$python" "$here/photo.py" "$work/photos" "$work/e2e/photo.jpg" >&2
fi

minilab=${MINILAB:-}
if [ -z "$minilab" ]; then
    (cd "$here/../.." && cargo build --release --ignore-rust-version --package minilab >&2)
    target=${CARGO_TARGET_DIR:-$here/../../target}
    minilab="$target/release/minilab"
fi
if [ "$minilab" = none ]; then
    exec "$python" "$here/bench.py" "$@"
fi
exec "$python" "$here/bench.py" --minilab "$minilab" "$@"
