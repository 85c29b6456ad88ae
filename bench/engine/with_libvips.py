"""with_libvips.py FILE SIZE[,SIZE…] N: a thumbnail of each size, file bytes → JPEG quality 80 bytes, N times.

Prints the median of the wall times and the mean of the CPU times, in milliseconds.
"""

import statistics
import sys
import time

import pyvips

# One operation may not answer from the cache of the one before.
pyvips.cache_set_max(0)


def thumbnail(data, size):
    return pyvips.Image.thumbnail_buffer(data, size, height=size, size="down").jpegsave_buffer(Q=80)


def main():
    path, times = sys.argv[1], int(sys.argv[3])
    sizes = list(map(int, sys.argv[2].split(",")))
    with open(path, "rb") as file:
        data = file.read()
    for size in sizes:
        thumbnail(data, size)  # warms up
    took, cpu = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        for size in sizes:
            thumbnail(data, size)
        took.append((time.perf_counter() - start) * 1000)
    print(statistics.median(took), (time.process_time() - cpu) * 1000 / times)


main()
