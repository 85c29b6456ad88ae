#!/usr/bin/env python3
"""Picture quality beside sharp and Pillow: SSIMULACRA 2 against a Lanczos-3 resize in 64-bit floats of every source pixel.

    bench/quality/run.sh [--sizes 128 512 1024] [--quality 80] [--photos 14]

JPEG is compared at equal bytes: Minilab's file of quality 80 sets the number, and for each peer the two neighbouring
qualities whose files are just below and above it are scored; what it would score at exactly that number lies on the line
between. PNG is compared as it is: what the resize alone does. The scale: 100 is equal, 90 cannot be told apart.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np  # noqa: E402
import PIL  # noqa: E402

import report  # noqa: E402
from engines import Minilab, Pillow, Sharp  # noqa: E402
from photographs import PHOTOS, label, without_segments  # noqa: E402
from scoring import References, Scorer, scored  # noqa: E402


def at_bytes(engine, file, size, wanted, score):
    """What the engine scores at this many bytes, and the quality that comes closest from above."""
    low, high, files = 1, 100, {}
    while low < high:
        middle = (low + high) // 2
        files[middle] = engine.picture(file, size, middle)
        low, high = (low, middle) if len(files[middle]) >= wanted else (middle + 1, high)
    ends = []
    for quality in (max(low - 1, 1), low):
        data = files.get(quality) or engine.picture(file, size, quality)
        ends.append((len(data), score(data)))
    (below, worse), (above, better) = ends
    share = 0.0 if above == below else (wanted - below) / (above - below)
    return worse + (better - worse) * min(max(share, 0.0), 1.0), low


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE.parent / ".work")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512, 1024])
    parser.add_argument("--quality", type=int, default=80, help="of Minilab's files, which set the bytes")
    parser.add_argument("--photos", type=int, default=len(PHOTOS), help="so many of them")
    parser.add_argument("--minilab", type=Path, default=report.ROOT / "target/release/minilab")
    parser.add_argument("--json", type=Path, help="default: WORK/quality/results.json")
    args = parser.parse_args()
    work = args.work.resolve()
    modules = work / "quality/node_modules"
    facts = report.heading({
        "Pillow": PIL.__version__,
        "sharp": json.loads((modules / "sharp/package.json").read_text())["version"],
        "ssimulacra2": "0.5.1",
        "numpy": np.__version__,
    })  # fmt: skip
    with tempfile.TemporaryDirectory(dir=work / "quality") as scratch:
        scratch = Path(scratch)
        scorer = Scorer(work / "quality/target/release/minilab-bench-scorer", scratch)
        scorer.check()
        ours = Minilab(args.minilab, scratch)
        peers = [Sharp(HERE / "with_sharp.cjs", modules, scratch), Pillow(draft=True), Pillow(draft=False)]
        rows = []
        for path in PHOTOS[: args.photos]:
            path = work / "photos" / path
            file = without_segments(path, scratch / f"{label(path)}.jpg", {0xE2})  # Pillow ignores profiles
            references = References(file)
            for size in args.sizes:
                def score(data):
                    return scored(scorer, references, data)

                data = ours.picture(file, size, args.quality)
                row = {"photo": label(path), "size": size, "bytes": len(data), "quality": {}}
                row["jpeg"] = {ours.name: score(data)}
                row["png"] = {engine.name: score(engine.picture(file, size)) for engine in [ours, *peers]}
                for peer in peers:
                    row["jpeg"][peer.name], row["quality"][peer.name] = at_bytes(peer, file, size, len(data), score)
                rows.append(row)
            print(f"{label(path)} done", file=sys.stderr)
    report.print_heading(facts)
    names = [ours.name, *(peer.name for peer in peers)]
    show(rows, names, args)
    target = args.json or work / "quality/results.json"
    target.write_text(json.dumps({**facts, "rows": rows}, indent=1) + "\n")
    print(f"JSON: {os.path.relpath(target)}")


def show(rows, names, args):
    for kind in ("jpeg", "png"):
        for size in args.sizes:
            chosen = [row for row in rows if row["size"] == size]
            lines = []
            for row in chosen:
                counted = [f"{row['bytes']:,}"] if kind == "jpeg" else []
                lines.append([row["photo"], *counted, *(report.figure(row[kind][name], 2) for name in names)])
            means = [statistics.mean(row[kind][name] for row in chosen) for name in names]
            lines.append(["mean", *([""] if kind == "jpeg" else []), *(report.figure(mean, 2) for mean in means)])
            what = f"JPEG inside {size} px" if kind == "jpeg" else f"PNG inside {size} px"
            report.print_table([what, *(["bytes"] if kind == "jpeg" else []), *names], lines)


if __name__ == "__main__":
    main()
