"""What every benchmark prints beside its figures: machine, date, versions; and plain tables."""

import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def first_line(*command):
    """First line of a command's output, or a dash when it cannot be run."""
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        return "-"
    return lines[0].strip() if lines else "-"


def machine():
    cpu = flags = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        cpu = cpu or (line.split(":", 1)[1].strip() if line.startswith("model name") else "")
        flags = flags or (line if line.startswith("flags") else "")
    simd = [name for name in ("avx2", "avx512bw") if f" {name}" in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "simd": simd,
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "load_1min_before": round(os.getloadavg()[0], 2),
    }


def shown(argument):
    """An argument as it is printed: a path inside the checkout becomes relative to it."""
    path = Path(argument)
    if path.is_absolute() and path.exists() and path.resolve().is_relative_to(ROOT):
        return str(path.resolve().relative_to(ROOT))
    return argument


def heading(versions):
    """The facts of this run as a dictionary; `print_heading` shows it."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": "python " + " ".join(shown(a) for a in [str(Path(sys.argv[0]).resolve()), *sys.argv[1:]]),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        "machine": machine(),
        "versions": versions,
    }


def print_heading(facts):
    m = facts["machine"]
    print(f"{facts['date']} · commit {facts['commit']} · {facts['command']}")
    print(
        f"{m['cores']} × {m['cpu']} ({' '.join(m['simd']) or 'no AVX2'}), {m['memory_gib']} GiB, "
        f"Linux {m['kernel']}, load average {m['load_1min_before']} before the run"
    )
    print(", ".join(f"{name} {version}" for name, version in facts["versions"].items()))
    print()


def print_table(head, rows):
    print(table(head, rows) + "\n", flush=True)


def table(head, rows):
    """A Markdown table; columns after the first are right-aligned, `None` shows as a dash."""
    cells = [[("–" if c is None else str(c)) for c in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [" | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))) for row in cells]
    lines.insert(1, " | ".join("-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)))
    return "\n".join(f"| {line} |" for line in lines)


def figure(value, digits=1):
    return None if value is None else f"{value:,.{digits}f}"


def ratio(peer, ours):
    """How many times less `ours` is than `peer` (for times), as text."""
    return None if not peer or not ours else f"{peer / ours:.2f}×"
