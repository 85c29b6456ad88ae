#!/bin/sh
# Fetches the photographs that the benchmarks run on: Debian's wallpaper packages, unpacked under
# bench/.work/photos/<package>. Needs apt (Debian or Ubuntu); installs nothing. About 160 MB.
#
#     bench/photos.sh [DIR [PACKAGE…]]
#
# Without packages: the four that every benchmark takes.
set -eu

photos=${1:-$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)/.work/photos}
[ $# = 0 ] || shift
packages=${*:-ukui-wallpapers lomiri-wallpapers-20.04 gnome-backgrounds plasma-workspace-wallpapers}
mkdir -p "$photos"
photos=$(CDPATH= cd -- "$photos" && pwd)

missing=""
for package in $packages; do
    [ -f "$photos/$package/.unpacked" ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
    # Package lists may be absent or stale in a container; without root the ones at hand must do.
    if [ "$(id -u)" = 0 ]; then apt-get update -qq; fi
    download=$(mktemp -d)
    trap 'rm -rf "$download"' EXIT
    for package in $missing; do
        (cd "$download" && apt-get download -qq -o APT::Sandbox::User=root "$package")
        rm -rf "${photos:?}/$package"
        dpkg -x "$download/$package"_*.deb "$photos/$package"
        dpkg-deb -f "$download/$package"_*.deb Version >"$photos/$package/.unpacked"
    done
fi

count() { find "$1" -type f \( -iname "*.$2" -o -iname "*.$3" \) | wc -l; }
for package in $packages; do
    dir="$photos/$package"
    printf '%-28s %-12s %3d JPEG %3d PNG %3d WebP\n' "$package" "$(cat "$dir/.unpacked")" \
        "$(count "$dir" jpg jpeg)" "$(count "$dir" png png)" "$(count "$dir" webp webp)"
done
printf '%-41s %3d JPEG %3d PNG %3d WebP in %s\n' total \
    "$(count "$photos" jpg jpeg)" "$(count "$photos" png png)" "$(count "$photos" webp webp)" "$photos"
