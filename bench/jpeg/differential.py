#!/usr/bin/env python3
"""Our JPEG decoder and libjpeg-turbo's, pixel by pixel, at every scale.

    python bench/jpeg/differential.py [--synthetic N] [FILE|DIR…]

Each file is decoded by `djpeg -scale N/8` (Debian: libjpeg-turbo-progs) and by crates/jpeg's example `decode` at 1/8, 1/4, 1/2
and 1/1; the pixels must be the same. Besides the files named, N synthetic ones are made by `cjpeg` (default 1,500): all
sampling factors that libjpeg can read, qualities 1 to 100, progressive scripts, restart intervals, sizes from 1×1 up.
The exit code is 1 when anything differs.
"""

import argparse
import collections
import os
import random
import subprocess
import sys
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLINGS = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "2x2,2x1,1x1", "2x2,1x1,2x1", "1x1,1x1,2x2", "3x1", "1x3", "4x4,2x2,2x2"]
SCRIPTS = {
    "default": None,
    # DC in two steps, chroma whole before luma, a late refinement.
    "late": "0,1,2: 0-0, 0, 2;\n1: 1-63, 0, 0;\n2: 1-63, 0, 0;\n0: 1-5, 0, 2;\n0: 6-63, 0, 2;\n0: 1-63, 2, 1;\n"
            "0,1,2: 0-0, 2, 1;\n0: 1-63, 1, 0;\n0,1,2: 0-0, 1, 0;\n",
    # Each component's DC by itself, as mozjpeg does it.
    "split": "0: 0-0, 0, 0;\n1: 0-0, 0, 0;\n2: 0-0, 0, 0;\n0: 1-8, 0, 2;\n1: 1-8, 0, 0;\n2: 1-8, 0, 0;\n0: 9-63, 0, 2;\n"
             "0: 1-63, 2, 1;\n0: 1-63, 1, 0;\n1: 9-63, 0, 0;\n2: 9-63, 0, 0;\n",
    # Sequential, a scan a component.
    "separate": "0;\n1;\n2;\n",
}


def picture(width, height, grey, seed):
    """A PNM of slopes, edges and noise."""
    rng = random.Random(seed)
    channels = 1 if grey else 3
    noise = rng.choice([0, 8, 60, 255])
    steps = [(rng.uniform(-3, 3), rng.uniform(-3, 3), rng.randrange(256)) for _ in range(channels)]
    edge = rng.randrange(1, max(2, width))
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for dx, dy, base in steps:
                value = base + dx * x + dy * y + (90 if x >= edge else 0)
                value += rng.randrange(-noise, noise + 1) if noise else 0
                data.append(max(0, min(255, int(value))))
    return f"P{5 if grey else 6}\n{width} {height}\n255\n".encode() + bytes(data)


def synthesise(directory, number):
    rng = random.Random(number)
    width, height = (rng.choice([rng.randrange(1, 20), rng.randrange(1, 90), rng.randrange(30, 200)]) for _ in range(2))
    grey = rng.random() < 0.1
    command = ["cjpeg", "-quality", str(rng.randrange(1, 101))]
    if grey:
        command.append("-grayscale")
    elif rng.random() < 0.1:
        command.append("-rgb")
    else:
        command += ["-sample", rng.choice(SAMPLINGS)]
    script = rng.choice(list(SCRIPTS)) if not grey else "default"
    if script == "default":
        command += ["-progressive"] if rng.random() < 0.4 else []
        command += ["-optimize"] if rng.random() < 0.4 else []
    else:
        path = directory / f"{script}.scans"
        path.write_text(SCRIPTS[script])
        command += ["-scans", str(path)]
    if rng.random() < 0.4:
        command += ["-restart", rng.choice(["1", "1B", "3B", "7B"])]
    target = directory / f"{number}.jpg"
    made = subprocess.run([*command, "-outfile", str(target)], input=picture(width, height, grey, number), capture_output=True)
    return target if made.returncode == 0 else None


def reference(file, eighths):
    """(width, height, channels, CRC) by djpeg; None when it refuses or warns."""
    run = subprocess.run(["djpeg", "-scale", f"{eighths}/8", "-pnm", str(file)], capture_output=True)
    if run.returncode != 0 or run.stderr:
        return None
    magic, size, _, pixels = run.stdout.split(b"\n", 3)
    width, height = map(int, size.split())
    return width, height, 1 if magic == b"P5" else 3, zlib.crc32(pixels)


def ours(binary, files, eighths):
    found = {}
    for start in range(0, len(files), 500):
        output = subprocess.run([binary, str(eighths), *map(str, files[start:start + 500])], capture_output=True, text=True).stdout
        for line in output.splitlines():
            if line.startswith("error "):
                name, _, message = line[6:].partition(": ")
                found[name] = message
            else:
                width, height, channels, crc, name = line.split(" ", 4)
                found[name] = (int(width), int(height), int(channels), int(crc, 16))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--synthetic", type=int, default=1500)
    parser.add_argument("--decode", default=ROOT / "target/release/examples/decode", help="the example's binary")
    parser.add_argument("--show", type=int, default=20, help="how many differences to name")
    arguments = parser.parse_args()
    files = []
    for path in arguments.paths:
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    files = [file for file in files if file.open("rb").read(3) == b"\xff\xd8\xff"]
    wrong = 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda number: synthesise(Path(directory), number), range(arguments.synthetic))
        files += [file for file in made if file]
        for eighths in (1, 2, 4, 8):
            mine = ours(arguments.decode, files, eighths)
            counts = collections.Counter()
            for file, want in zip(files, pool.map(lambda file: reference(file, eighths), files)):
                got = mine.get(str(file))
                if want is None:
                    counts["refused or warned of by djpeg"] += 1
                elif got == want:
                    counts["the same"] += 1
                elif isinstance(got, tuple) and got[2] == 4:
                    counts["four inks, which djpeg converts"] += 1
                else:
                    counts["different"] += 1
                    if counts["different"] <= arguments.show:
                        print(f"  {file} at {eighths}/8: {got}, not {want}")
            wrong += counts["different"]
            print(f"{eighths}/8: " + ", ".join(f"{count} {what}" for what, count in counts.most_common()))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
