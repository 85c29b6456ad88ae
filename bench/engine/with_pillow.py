"""with_pillow.py FILE SIZE N: median milliseconds of N thumbnails, file bytes → JPEG quality 80 bytes."""

import io
import statistics
import sys
import time

from PIL import Image

Image.MAX_IMAGE_PIXELS = None


def thumbnail(data, size):
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (size, size))  # JPEG alone: libjpeg shrinks while it decodes
        image.thumbnail((size, size))
        if image.mode in ("RGBA", "LA", "P", "PA"):
            image = image.convert("RGBA")
            flat = Image.new("RGB", image.size)
            flat.paste(image, mask=image.getchannel("A"))
            image = flat
        image.convert("RGB").save(out, "JPEG", quality=80)
    return out.getvalue()


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
