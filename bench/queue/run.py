"""A growing queue: what a claim costs and how much memory the store takes at 1,000 to 1,000,000 queued jobs. Builds and runs
crates/embedded/examples/bench_queue.rs, twice: 10 requesters with 3,000 directories, and a requester for each job."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import report  # noqa: E402

WORK = report.ROOT / "bench" / ".work" / "queue"
PROFILES = {"10 requesters, 3,000 directories": ("10", "3000"), "a requester for each job": ("0", "3000")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="most jobs (default: 1,000,000; a power of ten)")
    options = parser.parse_args()
    build = ["cargo", "build", "--release", "--ignore-rust-version", "-p", "minilab-embedded", "--example", "bench_queue"]
    subprocess.run(build, cwd=report.ROOT, check=True)
    facts = report.heading({"rustc": report.first_line("rustc", "--version")})
    report.print_heading(facts)
    results = {}
    for name, (requesters, shares) in PROFILES.items():
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        command = [report.ROOT / "target/release/examples/bench_queue", WORK / "data", str(options.jobs), requesters, shares]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        rows = results[name] = [json.loads(line) for line in lines]
        print(f"{name}:\n")
        report.print_table(
            ["queued", "claim p50, µs", "claim p99, µs", "queueing one, µs", "report, µs", "resident, MiB"],
            [
                [f"{r['queued']:,}", r["claim_p50_us"], r["claim_p99_us"], r["enqueue_us"], r["report_us"], r["rss_mib"]]
                for r in rows
            ],
        )
    shutil.rmtree(WORK / "data", ignore_errors=True)
    out = WORK / "result.json"
    out.write_text(json.dumps({**facts, "results": results}, indent=1))
    print(report.shown(str(out)))


if __name__ == "__main__":
    main()
