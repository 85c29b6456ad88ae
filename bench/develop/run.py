#!/usr/bin/env python3
"""`minilab develop` beside what people use on folders of photos: ImageMagick's mogrify, and vipsthumbnail.

    bench/develop/run.sh [--photos 40] [--size 512] [--rounds 3]

A folder of photos → JPEG of quality 80 inside SIZE × SIZE, each tool as its manual shows, and vipsthumbnail also as many
times in parallel as there are cores. Wall time and the highest memory of the process tree; tools take turns, the median of
the rounds counts. Needs Debian's imagemagick and libvips-tools, and GNU time.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

import report  # noqa: E402


def folder_of_photos(photos, count, folder):
    """`count` photos below `folder`: the JPEGs of the wallpaper packages, again and again under other names."""
    found = sorted(path for path in photos.rglob("*.jp*g") if path.stat().st_size > 100_000)
    if not found:
        sys.exit(f"there are no photos in {photos}; bench/photos.sh fetches them")
    for index in range(count):
        source = found[index % len(found)]
        shutil.copy(source, folder / f"{index:03}-{source.name}")


def run(command, cwd):
    """Seconds and peak kilobytes of the largest process."""
    start = time.perf_counter()
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], cwd=cwd, capture_output=True, text=True)
    took = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr[-500:]}")
    return took, int(done.stderr.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minilab", default=str(ROOT / "target/release/minilab"))
    options = parser.parse_args()
    size, cores = options.size, os.cpu_count()
    versions = {
        "ImageMagick": report.first_line("mogrify", "-version"),
        "libvips": report.first_line("vipsthumbnail", "--version"),
    }
    report.print_heading(report.heading(versions))
    vips = f"--size={size}x{size}", "-o"
    with tempfile.TemporaryDirectory() as work:
        photos = Path(work, "photos")
        photos.mkdir()
        folder_of_photos(HERE.parent / ".work/photos", options.photos, photos)
        tools = {
            "minilab develop": lambda out: [options.minilab, "develop", ".", "--out", out, "--size", str(size), "--force"],
            "mogrify": lambda out: ["sh", "-c", f"mogrify -path {out} -auto-orient -thumbnail {size}x{size}'>' -quality 80 *.jp*g"],
            "vipsthumbnail": lambda out: ["sh", "-c", f"vipsthumbnail *.jp*g {' '.join(vips)} {out}/%s.jpg[Q=80,strip]"],
            f"vipsthumbnail, {cores} at once": lambda out: [
                "sh", "-c", f"printf '%s\\n' *.jp*g | VIPS_CONCURRENCY=1 xargs -n 4 -P {cores} sh -c 'vipsthumbnail \"$@\" {' '.join(vips)} {out}/%s.jpg[Q=80,strip]' --",
            ],
        }
        times = {name: [] for name in tools}
        memory = dict.fromkeys(tools, 0)
        for _ in range(options.rounds):
            for name, command in tools.items():
                with tempfile.TemporaryDirectory(dir=work) as out:
                    took, peak = run(command(out), photos)
                    made = len(list(Path(out).iterdir()))
                if made != options.photos:
                    sys.exit(f"{name} made {made} of {options.photos}")
                times[name].append(took)
                memory[name] = max(memory[name], peak)
    ours = statistics.median(times["minilab develop"])
    print(f"\n{options.photos} photos → {size} px, {cores} cores\n")
    print(f"{'':28}{'seconds':>10}{'ratio':>8}{'memory':>12}")
    for name, took in times.items():
        median = statistics.median(took)
        print(f"{name:28}{median:>10.2f}{median / ours:>7.1f}×{memory[name] / 1000:>9.0f} MB")


if __name__ == "__main__":
    main()
