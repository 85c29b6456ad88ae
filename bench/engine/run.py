#!/usr/bin/env python3
"""The image engine beside Pillow, libvips and sharp: file bytes in memory → JPEG quality 80 bytes in memory.

    bench/engine/run.sh [--quick] [--sizes 128 1024] [--times 9] [--pin 0] [--without-ours]

Every figure is the median of `--times` runs in one process after one to warm up, on one thread. For each
file the engines run one after the other, and the whole pass is repeated `--passes` times; the least median
counts, because other load on the machine only ever adds.
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


def time_one(command, file, size, times, pin, env):
    """Median milliseconds that the engine printed, or None with its complaint."""
    command = [*pin, *command, str(file), str(size), str(times)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **env})
        return float(done.stdout.split()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        shown = "timed out" if "done" not in locals() else (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"{command[len(pin)]} {file.name} {size}: {shown}", file=sys.stderr)
        return None


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE.parent / ".work")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 1024])
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="five files instead of eleven")
    parser.add_argument("--pin", help="one CPU for everything, by taskset; else the system decides")
    parser.add_argument("--without-ours", action="store_true")
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
    ours = None if args.without_ours else build_ours(report.ROOT)
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
    best = {}
    for number in range(args.passes):
        for file, _ in files:
            for size in args.sizes:
                for name, command in engines.items():
                    took = time_one(command, file, size, args.times, pin, env)
                    key = (label(file), size, name)
                    if took is not None:
                        best[key] = min(took, best.get(key, took))
        print(f"pass {number + 1} of {args.passes} done", file=sys.stderr)

    report.print_heading(facts)
    print(f"Milliseconds, least of {args.passes} medians of {args.times}, one thread{f', CPU {args.pin} only' if pin else ''}.\n")
    document = {**facts, "times": args.times, "passes": args.passes, "rows": []}
    for size in args.sizes:
        rows, ratios = [], {name: [] for name in peers}
        for file, kind in files:
            row = {name: best.get((label(file), size, name)) for name in engines}
            mine = row.get("minilab")
            for name in peers:
                if mine and row[name]:
                    ratios[name].append(row[name] / mine)
            rows.append([label(file), kind, *(report.figure(row.get(n)) for n in [*peers, "minilab"]),
                         *(report.ratio(row[n], mine) for n in peers)])  # fmt: skip
            document["rows"].append({"file": label(file), "kind": kind, "size": size, "ms": row})
        means = [geometric_mean(ratios[name]) for name in peers]
        rows.append(["geometric mean", "", *[""] * (len(peers) + 1), *(f"{m:.2f}×" if m else None for m in means)])
        head = [f"→ {size} px", "kind", *peers, "minilab", *(f"{name} ÷ minilab" for name in peers)]
        report.print_table(head, rows)

    target = args.json or work / "engine/results.json"
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(f"JSON: {os.path.relpath(target)}")


if __name__ == "__main__":
    main()
