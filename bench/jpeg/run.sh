#!/bin/sh
# JPEG thumbnails beside sharp, libvips, Pillow, pillow-simd and libjpeg-turbo. Prepares bench/.work, builds Minilab's library and the
# scorer, then runs run.py with the options given. Needs cargo, Python ≥ 3.11 with venv, a C compiler and Python's headers, libjpeg's,
# Node ≥ 20 with npm, apt for the photos, and Debian's libjpeg-turbo-progs and libturbojpeg0.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
work=$(mkdir -p "$here/../.work/jpeg" && CDPATH= cd -- "$here/../.work" && pwd)
target=${CARGO_TARGET_DIR:-$root/target}

"$here/../setup.sh" engine
# pillow-simd takes Pillow's place, so it has an environment of its own. Built as its documentation says for AVX2.
if ! cmp -s "$here/requirements.txt" "$work/jpeg/venv/installed.txt"; then
    "$work/venv/bin/python" -m venv "$work/jpeg/venv"
    simd=""
    if grep -q '^flags.* avx2 ' /proc/cpuinfo; then simd=" -mavx2"; fi
    CC="${CC:-cc}$simd" "$work/jpeg/venv/bin/pip" install --quiet --disable-pip-version-check --no-binary pillow-simd -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$work/jpeg/venv/installed.txt"
fi
"$here/../photos.sh" >&2
"$here/../photos.sh" "$work/jpeg/photos" mate-backgrounds lomiri-wallpapers-16.04 lxqt-themes >&2
[ -f "$work/e2e/photo.jpg" ] || "$work/venv/bin/python" "$here/../e2e/photo.py" "$work/photos" "$work/e2e/photo.jpg" >&2

cargo build --release --ignore-rust-version --manifest-path "$root/Cargo.toml" --package minilab-imaging --package minilab-model
rustc --edition 2024 -C opt-level=3 -L "dependency=$target/release/deps" \
    --extern "minilab_imaging=$target/release/libminilab_imaging.rlib" --extern "minilab_model=$target/release/libminilab_model.rlib" \
    -o "$work/jpeg/ours" "$here/ours.rs"
CARGO_TARGET_DIR="$work/quality/target" cargo build --release --locked --ignore-rust-version --manifest-path "$here/../quality/scorer/Cargo.toml"
exec "$work/venv/bin/python" "$here/run.py" "$@"
