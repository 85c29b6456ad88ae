#!/usr/bin/env python3
"""Minilab, Pillow and libvips on the test images of other people's libraries: what opens, what is refused, what differs.

    python bench/corpora/run.py DIR…      a folder for each source of images; see bench/README.md for where they come from

Every file goes through `minilab develop --format png` in a process of its own, under a wall of 2 GiB and 30 s. It must end
processed, or refused with a reason: a signal, a panic, a timeout or another exit code is a failure. What Pillow and
libvips open as well is compared: size after orientation, whether there is transparency, and colour (mean CIE76 over the
image laid on white, both in sRGB). What is known to differ, and why, stands in known.py. Needs numpy, Pillow and pyvips
(bench/setup.sh engine installs them). Prints a Markdown table and what is not explained; exit code 1 when a file failed.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import known

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/clients"))
import peers  # noqa: E402  (what the differential test compares with, too)

# Formats that Minilab reads; by Pillow's names.
SUPPORTED = {"JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "DIB", "ICO", "MPO"}
NOT_IMAGES = {".rs", ".toml", ".md", ".py", ".txt", ".js", ".json", ".html", ".ttf", ".otf", ".yml", ".gpl", ".lock", ".xml", ".icc"}
# Refusals by what their message says; the first that fits counts.
REASONS = [
    ("not an image", r"^the file is not an image|no decoder for it"),
    ("over a limit", r"the limit is"),
    ("damaged", r"is damaged"),
    ("kind not read", r"is not supported"),
]
WALL_BYTES, WALL_SECONDS = 2 << 30, 30

# A child's peak counts what its parent had in memory when it was forked, so that a small process stands in between.
LAUNCHER = """
import json, os, resource, sys
limits, command = json.loads(sys.argv[1]), sys.argv[2:]
child = os.fork()
if child == 0:
    resource.setrlimit(resource.RLIMIT_AS, (limits[0], limits[0]))
    resource.setrlimit(resource.RLIMIT_CPU, (limits[1], limits[1]))
    os.execvp(command[0], command)
_, status, usage = os.wait4(child, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024]))
"""


def develop(minilab, file, out):
    """(outcome, reason, peak bytes, path of the PNG)."""
    command = [minilab, "develop", str(file), "--out", str(out), "--format", "png", "--still", "--jobs", "1", "--force", "--json"]
    launcher = [sys.executable, "-S", "-E", "-c", LAUNCHER, json.dumps([WALL_BYTES, WALL_SECONDS])]
    env = {**os.environ, "XDG_CACHE_HOME": str(out / "cache"), "RUST_BACKTRACE": "0"}
    try:
        ended = subprocess.run(launcher + command, capture_output=True, env=env, timeout=4 * WALL_SECONDS)
    except subprocess.TimeoutExpired:
        return "timed out", "", 0, None
    *printed, last = ended.stdout.decode().splitlines()
    code, peak = json.loads(last)
    if code not in (0, 1):
        return "failed", f"exit {code}: {ended.stderr.decode(errors='replace')[-300:]}", peak, None
    line = json.loads(printed[0]) if printed else {}
    if code == 0:
        return "processed", "", peak, Path(line["outputs"][0])
    reason = line.get("error", ended.stderr.decode(errors="replace"))
    return ("failed" if "broke the decoder" in reason else "refused"), reason, peak, None


def examine(minilab, file):
    with tempfile.TemporaryDirectory() as folder:
        outcome, reason, peak, png = develop(minilab, file, Path(folder))
        found = {"file": str(file), "outcome": outcome, "reason": reason, "peak": peak, "differences": {}, "not_compared": {}}
        name, theirs = peers.pillow(file)
        found["pillow"], found["pillow_opens"] = name, isinstance(theirs, np.ndarray)
        if png:
            with Image.open(png) as image:
                ours = peers.srgb(image)
            for peer, theirs in (("Pillow", theirs), ("libvips", peers.vips(file))):
                if isinstance(theirs, np.ndarray):
                    found["differences"][peer] = peers.difference(ours, theirs)
                else:
                    found["not_compared"][peer] = theirs
        return found


def reason_of(message):
    return next((name for name, pattern in REASONS if re.search(pattern, message)), "other")


def summary(name, found):
    """A row of the table."""
    outcomes = collections.Counter(one["outcome"] for one in found)
    reasons = collections.Counter(reason_of(one["reason"]) for one in found if one["outcome"] == "refused")
    compared = []
    for peer in ("Pillow", "libvips"):
        differences = [one["differences"][peer] for one in found if peer in one["differences"]]
        compared += [len(differences), sum(what is None for what in differences)]
    failed = len(found) - outcomes["processed"] - outcomes["refused"]
    return [name, len(found), outcomes["processed"], outcomes["refused"], *(reasons[reason] for reason, _ in REASONS), failed, *compared]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--minilab", default=str(ROOT / "target/release/minilab"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="files whose path holds this")
    parser.add_argument("--json", type=Path, help="write every finding here, one a line")
    options = parser.parse_args()
    rows, notes, explained, findings = [], [], [], []
    for folder in options.folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() not in NOT_IMAGES)
        files = [path for path in files if options.only in str(path)]
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            found = list(pool.map(examine, [options.minilab] * len(files), files, chunksize=4))
        rows.append(summary(folder.name, found))
        findings += [{**one, "corpus": folder.name} for one in found]
        for one in found:
            shown = Path(one["file"]).relative_to(folder)
            said = []
            if one["outcome"] not in ("processed", "refused"):
                notes.append(f"{folder.name}: {shown}: {one['outcome']}: {one['reason']}")
            if one["outcome"] == "refused" and one["pillow_opens"] and one["pillow"] in SUPPORTED:
                said.append(f"Pillow opens it ({one['pillow']}): {one['reason']}")
            said += [f"differs from {peer}: {what}" for peer, what in one["differences"].items() if what]
            for text in said:
                why = known.why(shown.name, text)
                (explained if why else notes).append(f"{folder.name}: {shown}: {text}" + (f" [{why}]" if why else ""))
    refusals = [name for name, _ in REASONS]
    names = ["source", "files", "processed", "refused", *refusals, "failed", "beside Pillow", "alike", "beside libvips", "alike"]
    rows.append(["all"] + [sum(column) for column in list(zip(*rows))[1:]])
    for row in [names, ["---"] * len(names), *rows]:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(f"\nhighest memory of one file: {max((one['peak'] for one in findings), default=0) / 1e6:.0f} MB")
    print("\nexplained:", *explained, sep="\n  ")
    print("\nnot explained:", *notes, sep="\n  ")
    if options.json:
        options.json.write_text("".join(json.dumps(one) + "\n" for one in findings))
    sys.exit(1 if any(row[-5] for row in rows) else 0)


if __name__ == "__main__":
    main()
