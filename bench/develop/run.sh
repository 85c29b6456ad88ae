#!/bin/sh
# `minilab develop` beside mogrify and vipsthumbnail. Installs the two from Debian where they are missing (root), fetches
# the photos, builds Minilab, then runs run.py with the options given.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
if ! command -v mogrify vipsthumbnail /usr/bin/time >/dev/null; then
    apt-get install -y -qq imagemagick libvips-tools time >&2
fi
"$here/../photos.sh" >&2
cargo build --release --ignore-rust-version --package minilab
exec python3 "$here/run.py" "$@"
