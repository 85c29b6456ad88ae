#!/bin/sh
# `minilab develop` beside mogrify and vipsthumbnail. Installs the two from Debian where they are missing (root), fetches
# the photos, builds Minilab, then runs run.py with the options given.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
for tool in mogrify vipsthumbnail; do
    command -v "$tool" >/dev/null || apt-get install -y -qq imagemagick libvips-tools >&2
done
"$here/../photos.sh" >&2
(cd "$here/../.." && cargo build --release --ignore-rust-version --package minilab)
exec python3 "$here/run.py" "$@"
