#!/bin/sh
# The image engine beside Pillow, libvips and sharp. Prepares bench/.work, then runs run.py with the options
# given. Needs cargo, Python ≥ 3.11 with venv, Node ≥ 20 with npm, and apt for the photos.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
work=$(mkdir -p "$here/../.work" && CDPATH= cd -- "$here/../.work" && pwd)

"$here/../setup.sh" engine
"$here/../photos.sh" >&2
[ -f "$work/e2e/photo.jpg" ] || "$work/venv/bin/python" "$here/../e2e/photo.py" "$work/photos" "$work/e2e/photo.jpg" >&2
exec "$work/venv/bin/python" "$here/run.py" "$@"
