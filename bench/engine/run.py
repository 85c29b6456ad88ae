#!/usr/bin/env python3
"""The image engine beside Pillow, libvips and sharp: file bytes in memory → JPEG quality 80 bytes in memory.

    bench/engine/run.sh [--quick] [--sizes 128 1024] [--times 9] [--pin 0] [--without-ours]

Wall time is the median of `--times` runs in one process after one to warm up, on one thread; CPU time is user and system
time of the process over the same runs, their mean. For each file the engines run one after the other, and the whole pass is
repeated `--passes` times; the least counts, because other load on the machine only ever adds. The last job is four variants
from one JPEG.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import PIL  # noqa: E402
import pyvips  # noqa: E402

import report  # noqa: E402

# (below the photos directory, what it is)
FILES = [
    ("ukui-wallpapers/usr/share/backgrounds/2004default.jpg", "JPEG"),
    ("lomiri-wallpapers-20.04/usr/share/backgrounds/Kleiber_by_Lukas_Baubkus.jpg", "JPEG"),
    ("ukui-wallpapers/usr/share/backgrounds/firstgeneration.jpg", "JPEG"),
    ("ukui-wallpapers/usr/share/backgrounds/string.jpg", "JPEG"),
    ("../e2e/photo.jpg", "JPEG"),
    ("lomiri-wallpapers-20.04/usr/share/backgrounds/Infinite-Sea_by_Aury88.jpg", "progressive"),
    ("ukui-wallpapers/usr/share/backgrounds/rhythm.jpg", "progressive"),
    ("ukui-wallpapers/usr/share/backgrounds/fluent-color.png", "PNG"),
    ("plasma-workspace-wallpapers/usr/share/wallpapers/Patak/contents/images/5120x2880.png", "PNG"),
    ("gnome-backgrounds/usr/share/backgrounds/gnome/adwaita-l.webp", "WebP"),
    ("gnome-backgrounds/usr/share/backgrounds/gnome/pixels-l.webp", "WebP"),
]
QUICK = {1, 4, 5, 7, 9}
# Several variants of one source.
SEVERAL = "128,512,1024,2048"


def label(path):
    return path.parents[2].name + ".png" if path.parent.name == "images" else path.name


def build_ours(root):
    """The engine's own loop, or None with the reason printed when it does not build."""
    command = ["cargo", "build", "--release", "--ignore-rust-version", "--package", "minilab-imaging"]
    built = subprocess.run([*command, "--example", "bench_thumbnail"], cwd=root, capture_output=True, text=True)
    if built.returncode:
        print("bench_thumbnail does not build, its columns stay empty:\n" + built.stderr[-800:], file=sys.stderr)
        return None
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    return str(target / "release/examples/bench_thumbnail")


def time_one(command, file, sizes, times, pin, env):
    """Wall and CPU milliseconds that the engine printed, or None with its complaint."""
    command = [*pin, *command, str(file), sizes, str(times)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **env})
        wall, cpu = map(float, done.stdout.split())
        return wall, cpu
    except (OSError, subprocess.TimeoutExpired, ValueError):
        shown = "timed out" if "done" not in locals() else (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"{command[len(pin)]} {file.name} {sizes}: {shown}", file=sys.stderr)
        return None


def fits(job, kind):
    """Several variants are made of JPEG alone."""
    return job != SEVERAL or kind in ("JPEG", "progressive")


def ratio_of(row, name, which):
    """How many times an engine takes what Minilab takes; 0: wall time, 1: CPU time."""
    mine = row.get("minilab")
    return report.ratio(row[name][which], mine[which]) if mine and row[name] else None


def mean_ratio(rows, name, which):
    both = [row for row in rows if row.get("minilab") and row[name]]
    logarithms = [math.log(row[name][which] / row["minilab"][which]) for row in both]
    return f"{math.exp(sum(logarithms) / len(logarithms)):.2f}×" if logarithms else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE.parent / ".work")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 1024])
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="five files instead of eleven")
    parser.add_argument("--pin", help="one CPU for everything, by taskset; else the system decides")
    parser.add_argument("--without-ours", action="store_true")
    parser.add_argument("--ours", help="a bench_thumbnail that is built already")
    parser.add_argument("--json", type=Path, help="default: WORK/engine/results.json")
    args = parser.parse_args()
    work = args.work.resolve()
    pin = ["taskset", "-c", args.pin] if args.pin else []

    modules = work / "engine/node_modules"
    env = {"VIPS_CONCURRENCY": "1", "NODE_PATH": str(modules)}
    engines = {
        "Pillow": [sys.executable, str(HERE / "with_pillow.py")],
        "libvips": [sys.executable, str(HERE / "with_libvips.py")],
        "sharp": ["node", str(HERE / "with_sharp.cjs")],
    }
    peers = list(engines)
    ours = None if args.without_ours else args.ours or build_ours(report.ROOT)
    if ours:
        engines["minilab"] = [ours]

    versions = {
        "Pillow": PIL.__version__,
        "libvips": ".".join(str(pyvips.version(i)) for i in range(3)),
        "sharp": json.loads((modules / "sharp/package.json").read_text())["version"],
        "python": sys.version.split()[0],
        "node": report.first_line("node", "--version"),
        "rustc": report.first_line("rustc", "--version").removeprefix("rustc "),
    }
    facts = report.heading(versions)
    files = [(work / "photos" / path, kind) for i, (path, kind) in enumerate(FILES) if not args.quick or i in QUICK]
    jobs = [*map(str, args.sizes), SEVERAL]
    best = {}
    for number in range(args.passes):
        for file, kind in files:
            for job in jobs:
                for name, command in engines.items() if fits(job, kind) else ():
                    took = time_one(command, file, job, args.times, pin, env)
                    key = (label(file), job, name)
                    if took is not None:
                        best[key] = tuple(map(min, took, best.get(key, took)))
        print(f"pass {number + 1} of {args.passes} done", file=sys.stderr)

    report.print_heading(facts)
    where = f", CPU {args.pin} only" if pin else ""
    print(f"Milliseconds of wall time / CPU time, least of {args.passes} passes of {args.times} runs, one thread{where}. Ratios are of CPU time.\n")
    document = {**facts, "times": args.times, "passes": args.passes, "rows": []}
    for job in jobs:
        rows = []
        for file, kind in files:
            if fits(job, kind):
                row = {name: best.get((label(file), job, name)) for name in engines}
                document["rows"].append({"file": label(file), "kind": kind, "job": job, "wall_and_cpu_ms": row})
                cells = [f"{row[name][0]:,.1f} / {row[name][1]:,.1f}" if row[name] else None for name in engines]
                rows.append([label(file), kind, *cells, *(ratio_of(row, name, 1) for name in peers)])
        measured = [row["wall_and_cpu_ms"] for row in document["rows"] if row["job"] == job]
        for which, what in ((1, "CPU"), (0, "wall")):
            means = [mean_ratio(measured, name, which) for name in peers]
            rows.append([f"geometric mean, {what}", *[""] * (len(engines) + 1), *means])
        head = [f"→ {job} px", "kind", *engines, *(f"{name} ÷ minilab" for name in peers)]
        report.print_table(head, rows)

    target = args.json or work / "engine/results.json"
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(f"JSON: {os.path.relpath(target)}")


if __name__ == "__main__":
    main()
