"""Images to upload, good and bad, made from nothing so that no file has to be carried along."""

import io
import random
import struct
import zlib

from PIL import Image

ORIENTATION, MAKE, MODEL, GPS_INFO = 0x0112, 0x010F, 0x0110, 0x8825


def picture(width, height, colour=None, mode="RGB"):
    """A flat colour when one is given, else a gradient with a little grain, like a photo."""
    if colour is not None:
        return Image.new(mode, (width, height), colour)
    gradient = Image.linear_gradient("L").resize((width, height))
    grain = Image.effect_noise((width, height), 40)
    bands = [gradient, grain, gradient.transpose(Image.Transpose.ROTATE_180)]
    if mode == "RGBA":
        bands.append(Image.radial_gradient("L").resize((width, height)))
    return Image.merge(mode, bands)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(width=640, height=480, colour=None, **options):
    return encoded(picture(width, height, colour), "JPEG", **{"quality": 88, **options})


def png(width=400, height=300, colour=None, mode="RGB"):
    return encoded(picture(width, height, colour, mode), "PNG")


def webp(width=400, height=300, colour=None):
    return encoded(picture(width, height, colour), "WEBP", quality=80)


def gif(width=200, height=150):
    return encoded(picture(width, height).convert("P"), "GIF")


def jpeg_with_exif(width=640, height=480, orientation=6, gps=False):
    exif = Image.Exif()
    exif[MAKE], exif[MODEL], exif[ORIENTATION] = "Minilab", "Darkroom 7", orientation
    if gps:
        exif[GPS_INFO] = {1: "N", 2: (52.0, 31.0, 12.25), 3: "E", 4: (13.0, 24.0, 17.5)}
    return jpeg(width, height, exif=exif)


def tagged(photo, text):
    """The same JPEG with `text` in a comment segment: other bytes, the same picture."""
    note = text.encode()
    assert photo[:2] == b"\xff\xd8"
    return photo[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + photo[2:]


def truncated_jpeg():
    whole = jpeg(800, 600)
    return whole[: len(whole) // 2]


def huge_png_header(width=50_000, height=50_000):
    """A few hundred bytes that claim to be a picture of `width` × `height`."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    rows = zlib.compress(b"\0" * 4096)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def opened(data):
    """Decodes `data` fully, so that a damaged image fails here; returns the Pillow image."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def middle_colour(data):
    image = opened(data).convert("RGB")
    return image.getpixel((image.width // 2, image.height // 2))


def random_bytes(count, seed=0):
    return random.Random(seed).randbytes(count)
