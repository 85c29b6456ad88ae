"""with_pillow.py FILE SIZE[,SIZE…] N: thumbnails from one decode, file bytes → JPEG quality 80 bytes, N times.

Prints the median of the wall times and the mean of the CPU times, in milliseconds.
"""

import io
import statistics
import sys
import time

from PIL import Image

Image.MAX_IMAGE_PIXELS = None


def thumbnails(data, sizes):
    """From the largest to the smallest, each made from the one before."""
    made = []
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (sizes[0], sizes[0]))  # JPEG alone: libjpeg shrinks while it decodes
        for size in sizes:
            image.thumbnail((size, size))
            made.append(as_jpeg(image))
    return made


def as_jpeg(image):
    out = io.BytesIO()
    if image.mode in ("RGBA", "LA", "P", "PA"):
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size)
        flat.paste(image, mask=image.getchannel("A"))
        image = flat
    image.convert("RGB").save(out, "JPEG", quality=80)
    return out.getvalue()


def main():
    path, times = sys.argv[1], int(sys.argv[3])
    sizes = sorted(map(int, sys.argv[2].split(",")), reverse=True)
    with open(path, "rb") as file:
        data = file.read()
    thumbnails(data, sizes)  # warms up
    took, cpu = [], time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        thumbnails(data, sizes)
        took.append((time.perf_counter() - start) * 1000)
    print(statistics.median(took), (time.process_time() - cpu) * 1000 / times)


main()
