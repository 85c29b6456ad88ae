#!/usr/bin/env python3
"""`minilab develop` beside what people use on folders of photos: ImageMagick's mogrify, and vipsthumbnail.

    bench/develop/run.sh [--photos 40] [--size 512] [--rounds 3]

A folder of photos → JPEG of quality 80 inside SIZE × SIZE, each tool as its manual shows, and vipsthumbnail also as many
times in parallel as there are cores. Wall time, CPU time (user and system, all processes) and the highest memory of any
one process; tools take turns, the least of the rounds counts. Needs Debian's imagemagick and libvips-tools.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import report  # noqa: E402

# Least size of a file that counts as a photo: the packages hold previews, too.
LEAST_BYTES = 100_000


def folder_of_photos(photos, count, folder):
    """`count` photos below `folder`: the JPEGs of the wallpaper packages, again and again under other names."""
    found = sorted(path for path in photos.rglob("*.jp*g") if path.is_file() and path.stat().st_size > LEAST_BYTES)
    if not found:
        sys.exit(f"there are no photos in {photos}; bench/photos.sh fetches them")
    for index in range(count):
        shutil.copy(found[index % len(found)], folder / f"{index:03}-{found[index % len(found)].name}")


def tools(minilab, size, cores):
    """Commands by name; `{out}` is the folder that they write to. They run in the folder of the photos."""
    vips = f"--size={size}x{size}"
    suffix = "'{out}/%s.jpg[Q=80,strip]'"
    shell = {
        "mogrify": f"mogrify -path {{out}} -auto-orient -thumbnail '{size}x{size}>' -quality 80 *.jp*g",
        "vipsthumbnail": f"vipsthumbnail *.jp*g {vips} -o {suffix}",
        f"vipsthumbnail, {cores} at once": f"ls | VIPS_CONCURRENCY=1 xargs -n 4 -P {cores} vipsthumbnail {vips} -o {suffix}",
    }
    ours = [str(minilab), "develop", ".", "--out", "{out}", "--size", str(size), "--format", "jpeg", "--quality", "80", "--force"]
    return {"minilab develop": ours, **{name: ["sh", "-c", command] for name, command in shell.items()}}


def run(command, cwd, out):
    """Wall and CPU seconds, and peak megabytes of the largest process."""
    command = [part.replace("{out}", str(out)) for part in command]
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{command} failed: {said.read()[-500:].decode(errors='replace')}")
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minilab", type=Path, default=report.ROOT / "target/release/minilab")
    parser.add_argument("--json", type=Path, default=HERE.parent / ".work/develop.json")
    args = parser.parse_args()
    cores = os.cpu_count()
    facts = report.heading({
        "ImageMagick": report.first_line("mogrify", "-version").removeprefix("Version: ImageMagick ").split(" https")[0],
        "libvips": report.first_line("vipsthumbnail", "--version").removeprefix("vips-"),
    })  # fmt: skip
    best = {}
    with tempfile.TemporaryDirectory() as work:
        photos = Path(work, "photos")
        photos.mkdir()
        folder_of_photos(HERE.parent / ".work/photos", args.photos, photos)
        for _ in range(args.rounds):
            for name, command in tools(args.minilab.resolve(), args.size, cores).items():
                with tempfile.TemporaryDirectory(dir=work) as out:
                    figures = run(command, photos, out)
                    made = sum(1 for path in Path(out).rglob("*") if path.is_file())
                if made != args.photos:
                    sys.exit(f"{name} made {made} of {args.photos}")
                best[name] = tuple(map(min, figures, best.get(name, figures)))
    report.print_heading(facts)
    print(f"{args.photos} photos → {args.size} px, {cores} cores, least of {args.rounds} rounds.\n")
    ours = best["minilab develop"]
    rows = []
    for name, (wall, cpu, memory) in best.items():
        ratios = [f"{wall / ours[0]:.1f}×", f"{cpu / ours[1]:.1f}×"]
        rows.append([name, f"{wall:.2f}", f"{cpu:.2f}", f"{memory:.0f}", *ratios])
    report.print_table(["", "wall s", "CPU s", "MiB", "wall ÷ minilab", "CPU ÷ minilab"], rows)
    args.json.write_text(json.dumps({**facts, "wall_cpu_mib": best}, indent=1) + "\n")


if __name__ == "__main__":
    main()
