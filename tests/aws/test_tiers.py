"""Which worker an image goes to: by what decoding it takes, not by the length of its file."""

import struct
import zlib

import photos
from waiting import until


def large_png(width=10_000, height=6_000):
    """60 megapixels in a few hundred kilobytes, interlaced, so that the whole picture is in memory at once."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    # Adam7: start and step across and down of the seven passes (PNG, third edition, 8.1).
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    packer, rows = zlib.compressobj(1), []
    for left, top, across, down in passes:
        row = b"\0" + b"\x30\x90\xc0" * -(-(width - left) // across)
        for _ in range(-(-(height - top) // down)):
            rows.append(packer.compress(row))
    rows.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"".join(rows)) + chunk(b"IEND", b"")


def worked(stack):
    """Tier → how many messages its worker has been given."""
    return {tier["name"]: len(stack.mapping(f"process-{tier['name']}").delivered) for tier in stack.tiers}


def test_sixty_megapixels_go_to_the_large_tier(stack):
    body = large_png()
    assert len(body) < 1_000_000
    stack.put("input/large.png", body)
    stack.put("input/small.png", photos.png())
    record = stack.processed("input/large.png")
    assert (record["width"], record["height"]) == (10_000, 6_000)
    stack.processed("input/small.png")
    stack.settled()
    assert worked(stack) == {"small": 1, "medium": 0, "large": 1}
    assert photos.opened(stack.object("output/large_thumbnail.jpg")).size == (128, 77)


def test_with_one_tier_there_is_no_router(deploy):
    stack = deploy(tiers=[{"name": "only", "memory_mb": 3008, "batch": 5}])
    stack.put("input/a.png", photos.png())
    stack.put("input/poison.jpg", photos.truncated_jpeg())
    stack.processed("input/a.png")
    stack.processed("input/poison.jpg", state="failed")
    until(lambda: worked(stack)["only"] >= 2, "both messages to be acknowledged")
    assert len(stack.tier_queues["only"].dead.take()) == 1
