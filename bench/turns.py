"""What the programs around an engine have in common: one job many times, or jobs as they are asked for, a line each.

`PROGRAM FILE SIZE[,SIZE…] N` runs a job N times after one to warm up and prints the median of the wall times and the mean of
the CPU times, in milliseconds.

`PROGRAM` alone reads lines of standard input, `FILE`, `SIZES`, `QUALITY` and `OUT` with tabs between, runs each job once and
prints its wall and CPU milliseconds and the bytes of each picture made. OUT may be empty; else the pictures are written to
OUT.0, OUT.1 and so on. A line without sizes only loads its file. What goes wrong is printed as `error` and a sentence.
"""

import statistics
import sys
import time


def measured(make, data, sizes, quality):
    """The pictures of one run, and its wall and CPU time in milliseconds."""
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    made = make(data, sizes, quality)
    return made, (time.perf_counter_ns() - wall) / 1e6, (time.process_time_ns() - cpu) / 1e6


def numbers(text):
    return [int(number) for number in text.split(",") if number]


def repeat(make, path, sizes, times):
    with open(path, "rb") as file:
        data = file.read()
    make(data, sizes, 80)  # warms up
    took = [measured(make, data, sizes, 80)[1:] for _ in range(times)]
    print(statistics.median(wall for wall, _ in took), statistics.mean(cpu for _, cpu in took))


def serve(make):
    path, data = None, b""
    for line in sys.stdin:
        try:
            file, sizes, quality, out = line.rstrip("\n").split("\t")
            if file != path:
                with open(file, "rb") as source:
                    path, data = file, source.read()
            made, wall, cpu = measured(make, data, numbers(sizes), int(quality)) if sizes else ([], 0, 0)
            for index, picture in enumerate(made if out else []):
                with open(f"{out}.{index}", "wb") as target:
                    target.write(picture)
            print(f"{wall:.3f} {cpu:.3f} {','.join(str(len(picture)) for picture in made)}", flush=True)
        except Exception as error:  # whatever an engine raises belongs to this file alone
            print(f"error {error}".replace("\n", " "), flush=True)


def main(make):
    """`make(data, sizes, quality)` gives the JPEG files, in the order of the sizes."""
    if len(sys.argv) > 1:
        repeat(make, sys.argv[1], numbers(sys.argv[2]), int(sys.argv[3]))
    else:
        serve(make)
