#!/bin/sh
# Cold start, memory and cost of the Lambda function beside a Python handler with boto3 and Pillow. Needs cargo, Python ≥ 3.11
# with venv, and apt for the photo. Options go to bench.py (see --help).
#
#     bench/aws/run.sh                            all of it
#     MINILAB_BOOTSTRAP=/path/to/bootstrap bench/aws/run.sh   a binary that exists already
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work="$here/../.work"

"$here/../setup.sh"
python=$(CDPATH= cd -- "$work" && pwd)/venv/bin/python
if [ ! -f "$work/e2e/photo.jpg" ]; then
    "$here/../photos.sh" >&2
    "$python" "$here/../e2e/photo.py" "$work/photos" "$work/e2e/photo.jpg" >&2
fi

bootstrap=${MINILAB_BOOTSTRAP:-}
if [ -z "$bootstrap" ]; then
    (cd "$here/../.." && cargo build --release --ignore-rust-version --package minilab-aws --features functions --bin bootstrap >&2)
    bootstrap="${CARGO_TARGET_DIR:-$here/../../target}/release/bootstrap"
fi
exec "$python" "$here/bench.py" --bootstrap "$bootstrap" "$@"
