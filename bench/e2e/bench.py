#!/usr/bin/env python3
"""PUT → thumbnail visible, Minilab beside its peer in one run. `run.sh` prepares what this needs.

First a burst of 64 uploads at concurrency 8 right after the start, once. Then rounds, interleaved: in each,
every concurrency is measured on one server and then on the other, each time after a warm-up. A figure is the
median of the rounds' figures.
"""

import argparse
import io
import json
import os
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import boto3  # noqa: E402
import PIL  # noqa: E402
from PIL import Image  # noqa: E402

import client  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402


def percentile(values, share):
    """Linear interpolation between closest ranks, as NumPy's default; None without values."""
    if not values:
        return None
    values = sorted(values)
    position = share * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


def flush_ms(directory, payload, times=15):
    """Median milliseconds to write `payload` to a new file there and fdatasync it: what durability costs here."""
    took = []
    for i in range(times):
        path = directory / f"flush-{i}"
        start = time.perf_counter()
        with path.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fdatasync(file.fileno())
        took.append((time.perf_counter() - start) * 1000)
        path.unlink()
    return statistics.median(took)


def file_system(path):
    best = ("", "?")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind = line.split()[:3]
        if str(path).startswith(mount.rstrip("/") + "/") and len(mount) >= len(best[0]):
            best = (mount, kind)
    return best[1]


def check(server, thumbnails, grace_seconds):
    """Fetches every thumbnail: (good, wrong with reasons, lost). What is not there yet gets the grace period."""
    s3 = client.connect(server.endpoint, server.access_key, server.secret_key)
    deadline = time.monotonic() + grace_seconds
    good, wrong, lost, sizes = 0, [], [], []
    for key in thumbnails:
        while True:
            try:
                data = s3.get_object(Bucket=client.BUCKET, Key=key)["Body"].read()
                break
            except s3.exceptions.NoSuchKey:
                data = None
                if time.monotonic() > deadline:
                    break
                time.sleep(0.2)
        if data is None:
            lost.append(key)
            continue
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                if image.format != "JPEG" or max(image.size) != 128:
                    wrong.append(f"{key}: {image.format} {image.size}")
                    continue
        except Exception as error:
            wrong.append(f"{key}: {error}")
            continue
        good += 1
        sizes.append(len(data))
    return {"good": good, "wrong": wrong, "lost": lost, "median_bytes": statistics.median(sizes) if sizes else None}


def measure(server, args, photo, number, concurrency, images, warm_up):
    # The peer leaves its writes to the page cache; without this the other server's flushes would pay for them.
    os.sync()
    cpu = server.cpu_seconds()
    outcome = client.run(
        client.Load(
            server.endpoint, server.access_key, server.secret_key, photo, f"{args.stamp}-{server.name}-{number}-{concurrency}",
            concurrency, images // concurrency, warm_up, args.poll_ms / 1000, args.timeout,
        )  # fmt: skip
    )
    cpu = server.cpu_seconds() - cpu
    if outcome.errors:
        print(f"{server.name}: {len(outcome.errors)} workers stopped, first: {outcome.errors[0]}", file=sys.stderr)
    done = len(outcome.latencies_ms)
    result = {
        "round": number,
        "concurrency": concurrency,
        "images": done,
        "p50_ms": percentile(outcome.latencies_ms, 0.50),
        "p95_ms": percentile(outcome.latencies_ms, 0.95),
        "max_ms": max(outcome.latencies_ms, default=None),
        "put_p50_ms": percentile(outcome.put_ms, 0.50),
        "images_per_second": done / outcome.wall_seconds if outcome.wall_seconds else None,
        # Over the whole phase, warm-up included, so per image of both.
        "server_cpu_ms_per_image": 1000 * cpu / max(1, len(outcome.thumbnails)),
        "polls_per_image": outcome.polls / max(1, done),
        "failed_polls": outcome.failed_polls,
        "timed_out": len(outcome.timed_out),
        "errors": outcome.errors,
    }
    shown = " ".join(f"{k} {result[k]:.1f}" for k in ("p50_ms", "p95_ms", "images_per_second") if result[k] is not None)
    print(f"round {number or 'cold'} at {concurrency}: {server.name:8} {shown}", file=sys.stderr)
    return result, outcome.thumbnails


def summary(rounds, concurrency):
    """Medians over the rounds; concurrency None: the burst right after the start, which is round 0."""
    chosen = [r for r in rounds if (r["round"] == 0 if concurrency is None else r["round"] and r["concurrency"] == concurrency)]
    keys = ("p50_ms", "p95_ms", "put_p50_ms", "images_per_second", "server_cpu_ms_per_image", "polls_per_image")
    return {k: statistics.median(v) if (v := [r[k] for r in chosen if r[k] is not None]) else None for k in keys}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=HERE.parent / ".work")
    parser.add_argument("--minilab", help="the release binary; without it only the peer runs")
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, nargs=2, default=(60, 120), metavar=("AT_1", "AT_8"), help="a round")
    parser.add_argument("--warm-up", type=int, default=12, help="images a worker, before each measurement")
    parser.add_argument("--poll-ms", type=float, default=2.0)
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds until a thumbnail counts as not visible")
    parser.add_argument("--json", type=Path, help="default: WORK/e2e/results.json")
    args = parser.parse_args()
    args.images = {1: args.images[0], 8: args.images[1]}
    args.stamp = time.strftime("%H%M%S")
    return args


def main():
    args = arguments()
    work = args.work.resolve() / "e2e"
    photo = (work / "photo.jpg").read_bytes()
    kind = file_system(work)
    if kind in ("tmpfs", "ramfs"):
        raise SystemExit(f"{work} is on {kind}; durable writes must go to a disk")

    versions = {"boto3": boto3.__version__, "Pillow": PIL.__version__, "python": sys.version.split()[0]}
    running = []
    if args.minilab:
        running.append(servers.Minilab(work, args.minilab))
        versions = {"minilab": report.first_line(args.minilab, "--version").removeprefix("minilab "), **versions}
    if not args.without_peer:
        install = args.work.resolve() / "peer"
        running.append(servers.Peer(work, install, args.work.resolve() / "venv"))
        for package in ("serverless", "serverless-offline", "serverless-s3-local", "s3rver"):
            versions[package] = json.loads((install / "node_modules" / package / "package.json").read_text())["version"]
        versions["node"] = report.first_line("node", "--version")

    facts = report.heading(versions)
    facts["photo"] = {"width": 2725, "height": 2225, "bytes": len(photo)}
    facts["poll_ms"], facts["file_system"] = args.poll_ms, kind
    facts["write_and_fdatasync_ms"] = flush_ms(work, photo)
    results = {server.name: [] for server in running}
    thumbnails = {server.name: [] for server in running}
    checks, memory = {}, {}
    try:
        for server in running:
            server.start()
        for server in running:
            result, made = measure(server, args, photo, 0, 8, 64, 0)
            results[server.name].append(result)
            thumbnails[server.name] += made
        for number in range(1, args.rounds + 1):
            for concurrency in args.images:
                # Who goes first changes from round to round.
                for server in running if number % 2 else reversed(running):
                    result, made = measure(server, args, photo, number, concurrency, args.images[concurrency], args.warm_up)
                    results[server.name].append(result)
                    thumbnails[server.name] += made
        for server in running:
            memory[server.name] = server.resident_mib()
            checks[server.name] = check(server, thumbnails[server.name], args.timeout)
    finally:
        for server in running:
            server.stop()

    report.print_heading(facts)
    print(
        f"{args.rounds} rounds, interleaved, medians; photo {len(photo):,} bytes; asked every {args.poll_ms:g} ms; "
        f"data on {kind}, write + fdatasync of one photo {facts['write_and_fdatasync_ms']:.1f} ms.\n"
        "minilab answers a PUT once object, index and event are flushed to the disk; the peer's store flushes nothing.\n"
    )
    rows, medians = [], {}
    for concurrency, title in ((1, "at 1"), (8, "at 8"), (None, "first 64 after start, at 8")):
        by_name = {name: summary(rounds, concurrency) for name, rounds in results.items()}
        medians[title] = by_name
        peer, ours = by_name.get("peer", {}), by_name.get("minilab", {})
        for key, label, more_is_better in (
            ("p50_ms", "p50, ms", False),
            ("p95_ms", "p95, ms", False),
            ("images_per_second", "images/s", True),
            ("put_p50_ms", "of it PUT p50, ms", False),
            ("server_cpu_ms_per_image", "server CPU ms/image", False),
        ):
            a, b = peer.get(key), ours.get(key)
            better = report.ratio(b, a) if more_is_better else report.ratio(a, b)
            rows.append([f"{title}: {label}", report.figure(a), report.figure(b), better])
    rows.append(["memory after the run, MiB", report.figure(memory.get("peer")), report.figure(memory.get("minilab")),
                 report.ratio(memory.get("peer"), memory.get("minilab"))])  # fmt: skip
    report.print_table(["PUT → thumbnail visible", "peer", "minilab", "minilab is better by"], rows)
    bad = False
    for name, found in checks.items():
        late = sum(r["timed_out"] for r in results[name])
        stopped = sum(len(r["errors"]) for r in results[name])
        failed_polls = sum(r["failed_polls"] for r in results[name])
        bad |= bool(found["wrong"] or found["lost"] or stopped) and name == "minilab"
        print(
            f"{name}: {len(thumbnails[name])} uploads, {found['good']} thumbnails are 128-px JPEGs "
            f"(median {found['median_bytes']} bytes), {len(found['wrong'])} wrong, {len(found['lost'])} lost, "
            f"{late} not visible within {args.timeout:g} s, {failed_polls} HEADs answered 5xx, {stopped} workers stopped by an error"
        )
        for line in (found["wrong"] + [f"{key}: lost" for key in found["lost"]])[:5]:
            print("  " + line)

    target = args.json or work / "results.json"
    document = {**facts, "medians": medians, "memory_mib": memory, "rounds": results, "checks": checks}
    target.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nJSON: {os.path.relpath(target)}")
    # A peer's loss is a result; ours is a failure.
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
