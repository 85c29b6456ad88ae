#!/usr/bin/env python3
"""JPEG thumbnails beside sharp, libvips, Pillow, pillow-simd and libjpeg-turbo: file bytes in memory → JPEG quality 80 bytes in memory.

    bench/jpeg/run.sh [--quick] [--every] [--times 20] [--lanes 2] [--only NAME…] [--markdown DIR]

Each engine is a process that stays, with one thread, on one CPU; they take turns, a run each, so that the machine's noise hits all
alike. A figure is the median of `--times` runs, after one to warm up. Ratios are of CPU time (user and system, all of the process),
which other load moves far less than wall time; the wall times' means, which count on an idle machine alone, stand beside them. Several lanes measure several photos at once, each
on a CPU of its own.
"""

import argparse
import json
import math
import os
import queue
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent), str(HERE.parent / "quality")]

import PIL  # noqa: E402
import pyvips  # noqa: E402

import report  # noqa: E402
from engines import CLONES, OURS, SEPARATE, Engine, commands  # noqa: E402
from files import NAMED, frame, photos  # noqa: E402
from photographs import PHOTOS, label  # noqa: E402
from scoring import References, Scorer, scored  # noqa: E402

# What is made: (name, kind of the source, sizes).
JOBS = [
    ("128 px, baseline", "baseline", [128]),
    ("128 px, progressive", "progressive", [128]),
    ("1024 px, baseline", "baseline", [1024]),
    ("four, baseline", "baseline", [128, 512, 1024, 2048]),
]
# What the issue that asked for this aims at: (job, peer, how many times as fast).
AIMS = [
    ("128 px, baseline", SEPARATE, 3.0),
    ("128 px, baseline", "pillow-simd", 2.2),
    ("128 px, progressive", SEPARATE, 15.0),
    ("1024 px, baseline", SEPARATE, 1.7),
    ("four, baseline", SEPARATE, 3.0),
]
LARGE = {"Kleiber": "baseline", "Infinite-Sea": "progressive"}
SCORED_SIZES = [128, 1024]


def takes_part(photo, kind, sizes):
    """Two jobs take the time of the others together: they take the named photos and some more, unless all are asked for."""
    if kind == "progressive":
        return photo.name in NAMED or photo.kind == kind
    return len(sizes) == 1 or photo.name in NAMED or photo.even


def checked(engine, file, sizes, longest, scratch):
    """The first run of an engine: its pictures must have the size that was asked for. What run it was."""
    out = scratch / f"{engine.name}-{engine.cpu}"
    run = engine.job(file, sizes, out=out)
    for index, size in enumerate(sizes[: len(run[2])]):
        facts = frame(Path(f"{out}.{index}").read_bytes())
        if facts is None or max(facts[1:3]) != min(size, longest):
            raise RuntimeError(f"{engine.name} made {facts} for {size} px")
    return run


def measure(engines, file, sizes, times, longest, scratch):
    """{engine: (median wall ms, median CPU ms, bytes)}; the slower of sharp's two ways of making several sizes is left out."""
    chosen = [name for name in engines if name != CLONES or len(sizes) > 1]
    warm = {name: checked(engines[name], file, sizes, longest, scratch) for name in chosen}
    if CLONES in chosen:
        chosen.remove(max((SEPARATE, CLONES), key=lambda name: warm[name][1]))
    runs = {name: [] for name in chosen}
    for _ in range(times):
        for name in chosen:
            runs[name].append(engines[name].job(file, sizes))
    medians = {}
    for name, took in runs.items():
        wall, cpu = (round(statistics.median(run[which] for run in took), 3) for which in (0, 1))
        medians[SEPARATE if name == CLONES else name] = (wall, cpu, took[-1][2])
    return medians


def lane(cpu, waiting, started, work, args, found, scratch):
    """Measures photo after photo on one CPU, with engines of its own."""
    engines = {name: Engine(name, command, work, cpu) for name, command in started.items()}
    try:
        while True:
            photo = waiting.get_nowait()
            begun = time.perf_counter()
            for name, kind, sizes in JOBS:
                if not (args.every or args.quick) and not takes_part(photo, kind, sizes):
                    continue
                try:
                    found[(photo.name, name)] = measure(engines, photo.paths[kind], sizes, args.times, max(photo.width, photo.height), scratch)
                except RuntimeError as error:
                    print(f"{photo.name}, {name}: {error}", file=sys.stderr)
            print(f"{photo.name}: {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
    except queue.Empty:
        pass
    finally:
        for engine in engines.values():
            engine.end()


def times_of(chosen, started, work, args):
    waiting, found = queue.Queue(), {}
    # The largest first, so that the lanes end together.
    for photo in sorted(chosen, key=lambda photo: -photo.width * photo.height):
        waiting.put(photo)
    with tempfile.TemporaryDirectory(dir=work / "jpeg") as scratch:
        each = (waiting, started, work, args, found, Path(scratch))
        threads = [threading.Thread(target=lane, args=(cpu, *each)) for cpu in range(args.lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return found


def memory_of(chosen, started, work):
    """{(photo, job): {engine: (peak, growth)}}, a process a figure."""
    found = {}
    for photo in chosen:
        kind = LARGE.get(photo.name)
        for name, job_kind, sizes in JOBS if kind else []:
            if kind == job_kind or (kind == "progressive" and job_kind == "baseline" and len(sizes) == 1 and sizes[0] != 128):
                row = found[(photo.name, name.replace("baseline", kind))] = {}
                for engine_name, command in started.items():
                    if engine_name != CLONES:
                        engine = Engine(engine_name, command, work, 0)
                        row[engine_name] = engine.peak_memory(photo.paths[kind], sizes)
                        engine.end()
    return found


def quality_of(chosen, started, work):
    """{(photo, size): {engine: (score, bytes)}} for ours and sharp at quality 80."""
    wanted = {label(Path(path)) for path in PHOTOS}
    found = {}
    with tempfile.TemporaryDirectory(dir=work / "jpeg") as scratch:
        scratch = Path(scratch)
        scorer = Scorer(work / "quality/target/release/minilab-bench-scorer", scratch)
        scorer.check()
        engines = [Engine(name, started[name], work, 0) for name in (OURS, SEPARATE)]
        for photo in chosen:
            if photo.name not in wanted:
                continue
            file = photo.paths["baseline"]
            references = References(file, work / "jpeg/references")
            for size in SCORED_SIZES:
                made = {engine.name: engine.picture(file, size, 80, scratch) for engine in engines}
                found[(photo.name, size)] = {name: (scored(scorer, references, data), len(data)) for name, data in made.items()}
            print(f"{photo.name}: scored", file=sys.stderr, flush=True)
        for engine in engines:
            engine.end()
    return found


def geometric_mean(values):
    return math.exp(statistics.mean(map(math.log, values))) if values else None


def ratios(found, job, peer, which):
    """{photo: how many times what ours takes}; 0: wall time, 1: CPU time."""
    rows = {photo: row for (photo, name), row in found.items() if name == job}
    return {photo: row[peer][which] / row[OURS][which] for photo, row in rows.items() if peer in row and OURS in row}


def times_text(value):
    return None if value is None else f"{value:.2f}×"


def summary(found, peers):
    """The geometric means, a row a job."""
    rows = []
    for job, *_ in JOBS:
        for which, what in ((1, "CPU"), (0, "wall")):
            means = [geometric_mean(list(ratios(found, job, peer, which).values())) for peer in peers]
            count = len(ratios(found, job, peers[0], which))
            rows.append([f"{job}: {what}", count, *map(times_text, means)])
    return report.table(["geometric mean of peer ÷ minilab", "photos", *peers], rows)


def spread(found, peers):
    """Least, middle and greatest ratio of CPU time."""
    rows = []
    for job, *_ in JOBS:
        cells = []
        for peer in peers:
            all_of = sorted(ratios(found, job, peer, 1).values())
            cells.append(f"{all_of[0]:.2f} / {statistics.median(all_of):.2f} / {all_of[-1]:.2f}" if all_of else None)
        rows.append([job, *cells])
    return report.table(["least / median / greatest, CPU", *peers], rows)


def aims(found):
    rows = []
    for job, peer, wanted in AIMS:
        mean = geometric_mean(list(ratios(found, job, peer, 1).values()))
        rows.append([f"{job}, beside {peer}", f"{wanted:.1f}×", times_text(mean), "yes" if mean and mean >= wanted else "no"])
    return report.table(["aim, CPU", "wanted", "measured", "reached"], rows)


def losses(found, peers):
    """Where ours takes more, a line a job and peer: how often, and the worst."""
    lines = []
    for job, *_ in JOBS:
        for peer in peers:
            all_of = ratios(found, job, peer, 1)
            slower = sorted((ratio, photo) for photo, ratio in all_of.items() if ratio < 1)
            if slower:
                worst = ", ".join(f"{photo} {ratio:.2f}×" for ratio, photo in slower[:8])
                lines.append(f"- {job}, slower than {peer} on {len(slower)} of {len(all_of)}: {worst}{' …' if len(slower) > 8 else ''}")
    return "\n".join(lines) or "- nowhere"


def each_photo(found, chosen, job, kind, names):
    """A job's table: the source, CPU milliseconds of each engine, ratios."""
    rows = []
    for photo in chosen:
        row = found.get((photo.name, job))
        if row:
            source = f"{photo.width}×{photo.height}, {photo.sampling}, {photo.bytes(kind) / 1e6:.2f} MB"
            cells = [report.figure(row[name][1]) if name in row else None for name in names]
            peers = [report.ratio(row[name][1], row[OURS][1]) if name in row else None for name in names if name != OURS]
            rows.append([photo.name, source + ("" if photo.kind == kind else " (jpegtran)"), *cells, *peers])
    head = [job, "source", *(f"{name}, ms" for name in names), *(f"{name} ÷ {OURS}" for name in names if name != OURS)]
    return report.table(head, rows)


def memory_table(memory, names):
    rows = []
    for (photo, job), row in memory.items():
        cells = [f"{row[name][0] / 2**20:.1f} / {row[name][1] / 2**20:.1f}" for name in names]
        share = [f"{row[SEPARATE][which] / row[OURS][which]:.1f}×" for which in (0, 1)]
        rows.append([f"{photo} → {job}", *cells, " / ".join(share)])
    return report.table(["peak MiB of the process / of it the job's", *names, "sharp ÷ minilab"], rows)


def quality_tables(quality):
    """(means, each photo)."""
    means, rows = [], []
    for size in SCORED_SIZES:
        chosen = {photo: row for (photo, of), row in quality.items() if of == size}
        if chosen:
            scores = [statistics.mean(row[name][0] for row in chosen.values()) for name in (OURS, SEPARATE)]
            bytes_ratio = geometric_mean([row[SEPARATE][1] / row[OURS][1] for row in chosen.values()])
            means.append([f"{size} px", len(chosen), *(f"{score:.2f}" for score in scores), times_text(bytes_ratio)])
        for photo, row in chosen.items():
            rows.append([photo, size, *(f"{row[name][0]:.2f} in {row[name][1]:,}" for name in (OURS, SEPARATE))])
    head = ["SSIMULACRA 2 at quality 80, mean", "photos", OURS, SEPARATE, "bytes, sharp ÷ minilab"]
    return report.table(head, means), report.table(["photo", "px", f"{OURS}, in bytes", f"{SEPARATE}, in bytes"], rows)


def document(facts, found, memory, quality):
    def keyed(table):
        return [{"photo": photo, "job": job, "engines": row} for (photo, job), row in table.items()]

    return {**facts, "times": keyed(found), "memory": keyed(memory), "quality": keyed(quality)}


def about(facts, args):
    m = facts["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        "# JPEG thumbnails, photo by photo\n\nHow each figure is made: [README.md](../README.md#jpeg). "
        f"{facts['date']}, commit {facts['commit']}, {m['cores']} × {m['cpu']}, load average {m['load_1min_before']} before the run, "
        f"{args.lanes} lanes.\nCPU milliseconds, medians of {args.times} runs. {versions}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE.parent / ".work")
    parser.add_argument("--quick", action="store_true", help="five photos, five runs, no quality")
    parser.add_argument("--every", action="store_true", help="every job for every photo: takes twice as long")
    parser.add_argument("--times", type=int, help="runs of each engine for each photo and job (default 20)")
    parser.add_argument("--lanes", type=int, default=os.cpu_count(), help="photos at once, each on a CPU of its own (default: all)")
    parser.add_argument("--only", nargs="+", help="photos by name")
    parser.add_argument("--peers", nargs="+", help="so many of the peers alone, by name")
    parser.add_argument("--ours", type=Path, help="default: WORK/jpeg/ours, which run.sh builds")
    parser.add_argument("--markdown", type=Path, help="where summary.md and photos.md go (default: WORK/jpeg)")
    parser.add_argument("--json", type=Path, help="default: WORK/jpeg/results.json")
    args = parser.parse_args()
    work = args.work.resolve()
    args.times = args.times or (5 if args.quick else 20)
    started = commands(work, args.ours or work / "jpeg/ours")
    if args.peers:
        started = {name: command for name, command in started.items() if name == OURS or name.split(",")[0] in args.peers}
    names = [name for name in started if name != CLONES]
    peers = [name for name in names if name != OURS]
    facts = report.heading({
        "sharp": json.loads((work / "engine/node_modules/sharp/package.json").read_text())["version"],
        "libvips": ".".join(str(pyvips.version(i)) for i in range(3)),
        "Pillow": PIL.__version__,
        "pillow-simd": report.first_line(work / "jpeg/venv/bin/python", "-c", "import PIL; print(PIL.__version__)"),
        "turbojpeg": report.first_line("dpkg-query", "-W", "-f", "${Version}", "libturbojpeg0"),
        "python": sys.version.split()[0],
        "node": report.first_line("node", "--version"),
        "rustc": report.first_line("rustc", "--version").removeprefix("rustc "),
    })  # fmt: skip
    chosen = [photo for photo in photos(work, args.quick) if not args.only or photo.name in args.only]
    found = times_of(chosen, started, work, args)
    memory = memory_of(chosen, started, work)
    quality = {} if args.quick or SEPARATE not in started else quality_of(chosen, started, work)

    report.print_heading(facts)
    print(f"{len(chosen)} photos, medians of {args.times} runs in turns, one thread, {args.lanes} lanes.")
    print("* decodes alone, at the scale of the largest size.\n")
    means, scores = quality_tables(quality)
    short = [summary(found, peers), spread(found, peers), aims(found), memory_table(memory, names) if memory else "", means if quality else ""]
    short = "\n\n".join([*filter(None, short), "Where Minilab loses:\n\n" + losses(found, peers)])
    print(short + "\n")
    folder = args.markdown or work / "jpeg"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.md").write_text(short + "\n")
    tables = [each_photo(found, chosen, job, kind, names) for job, kind, _ in JOBS] + ([scores] if quality else [])
    (folder / "photos.md").write_text("\n\n".join([about(facts, args), *tables]) + "\n")
    target = args.json or work / "jpeg/results.json"
    target.write_text(json.dumps(document(facts, found, memory, quality), indent=1) + "\n")
    print(f"Each photo: {os.path.relpath(folder / 'photos.md')}; JSON: {os.path.relpath(target)}")


if __name__ == "__main__":
    main()
