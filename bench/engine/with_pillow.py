"""Pillow, or pillow-simd: thumbnails from one decode, file bytes → JPEG bytes. How it is called: bench/turns.py."""

import io
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image  # noqa: E402

import turns  # noqa: E402

Image.MAX_IMAGE_PIXELS = None


def thumbnails(data, sizes, quality):
    """From the largest to the smallest, each made from the one before."""
    made = {}
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (max(sizes), max(sizes)))  # JPEG alone: libjpeg shrinks while it decodes
        for size in sorted(sizes, reverse=True):
            image.thumbnail((size, size))
            made[size] = as_jpeg(image, quality)
    return [made[size] for size in sizes]


def as_jpeg(image, quality):
    out = io.BytesIO()
    if image.mode in ("RGBA", "LA", "P", "PA"):
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size)
        flat.paste(image, mask=image.getchannel("A"))
        image = flat
    image.convert("RGB").save(out, "JPEG", quality=quality)
    return out.getvalue()


turns.main(thumbnails)
