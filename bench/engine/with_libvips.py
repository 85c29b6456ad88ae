"""with_libvips.py FILE SIZE N: median milliseconds of N thumbnails, file bytes → JPEG quality 80 bytes."""

import statistics
import sys
import time

import pyvips

# One operation may not answer from the cache of the one before.
pyvips.cache_set_max(0)


def thumbnail(data, size):
    return pyvips.Image.thumbnail_buffer(data, size, height=size, size="down").jpegsave_buffer(Q=80)


def main():
    path, size, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(path, "rb") as file:
        data = file.read()
    took = []
    for _ in range(times + 1):
        start = time.perf_counter()
        thumbnail(data, size)
        took.append((time.perf_counter() - start) * 1000)
    print(statistics.median(took[1:]))  # the first warms up


main()
