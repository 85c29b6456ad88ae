"""libvips: a thumbnail of each size by a call of its own, file bytes → JPEG bytes. How it is called: bench/turns.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyvips  # noqa: E402

import turns  # noqa: E402

# One operation may not answer from the cache of the one before.
pyvips.cache_set_max(0)


def thumbnails(data, sizes, quality):
    return [
        pyvips.Image.thumbnail_buffer(data, size, height=size, size="down").jpegsave_buffer(Q=quality)
        for size in sizes
    ]  # fmt: skip


turns.main(thumbnails)
