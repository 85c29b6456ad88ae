#!/usr/bin/env python3
"""Makes the end-to-end benchmark's photo: 2725×2225, baseline 4:2:0, about 0.8 MB.

    photo.py PHOTOS OUT

The source is a photograph from lomiri-wallpapers-20.04, cropped to the aspect ratio and resized; the
quality is found by bisection so that the file comes closest to 800,000 bytes. Nothing is random: the
same package and the same Pillow give the same bytes.
"""

import io
import sys
from pathlib import Path

from PIL import Image, ImageOps

SOURCE = "lomiri-wallpapers-20.04/usr/share/backgrounds/Kleiber_by_Lukas_Baubkus.jpg"
WIDTH, HEIGHT, TARGET_BYTES = 2725, 2225, 800_000


def encode(image, quality):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=2)
    return out.getvalue()


def main():
    photos, out = Path(sys.argv[1]), Path(sys.argv[2])
    with Image.open(photos / SOURCE) as image:
        image = ImageOps.fit(image.convert("RGB"), (WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    low, high = 20, 95
    while low < high:
        middle = (low + high) // 2
        if len(encode(image, middle)) < TARGET_BYTES:
            low = middle + 1
        else:
            high = middle
    quality = min((low - 1, low), key=lambda q: abs(len(encode(image, q)) - TARGET_BYTES))
    data = encode(image, quality)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(data)
    print(f"{out.name}: {WIDTH}×{HEIGHT}, quality {quality}, {len(data)} bytes")


if __name__ == "__main__":
    main()
