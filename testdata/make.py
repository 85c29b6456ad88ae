#!/usr/bin/env python3
"""Makes every file in testdata/formats. The same Pillow gives the same bytes.

    python3 testdata/make.py            write the files
    python3 testdata/make.py --check    exit 1 if a committed file differs from what would be written

The committed files were made with Pillow 13.0.0 (its wheel from PyPI).
"""

import io
import random
import struct
import sys
import zlib
from pathlib import Path

import PIL
from PIL import Image, ImageDraw
from PIL.TiffImagePlugin import IFDRational

import icc
import more_formats
import rare_formats

PILLOW = "13.0.0"
OUT = Path(__file__).resolve().parent / "formats"

RED, GREEN, BLUE, YELLOW, WHITE = (220, 30, 30), (30, 180, 60), (30, 60, 220), (240, 220, 40), (255, 255, 255)


def quadrants(width=64, height=48):
    """Red | green over blue | yellow, with a white F: no turn or mirror leaves it unchanged."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    half_w, half_h = width // 2, height // 2
    draw.rectangle((0, 0, half_w - 1, half_h - 1), RED)
    draw.rectangle((half_w, 0, width, half_h - 1), GREEN)
    draw.rectangle((0, half_h, half_w - 1, height), BLUE)
    draw.rectangle((half_w, half_h, width, height), YELLOW)
    left, top = width * 3 // 8, height // 4
    draw.rectangle((left, top, left + 3, height * 3 // 4), WHITE)
    draw.rectangle((left, top, width * 5 // 8, top + 3), WHITE)
    draw.rectangle((left, half_h, width * 9 // 16, half_h + 3), WHITE)
    return image


def clouds(width, height, seed):
    """Colour noise over several octaves: a stand-in for a photograph."""
    rng = random.Random(seed)
    total = None
    for octave in range(1, 6):
        cells = 2**octave
        noise = Image.frombytes("RGB", (cells, cells), rng.randbytes(cells * cells * 3))
        layer = noise.resize((width, height), Image.Resampling.BICUBIC)
        total = layer if total is None else Image.blend(total, layer, 0.35)
    return total


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def stored_for(orientation, image):
    """The pixels a camera would store so that showing them by `orientation` gives `image`."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return image if undo is None else image.transpose(undo)


def orientations():
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = stored_for(orientation, quadrants())
        yield f"orientation-{orientation}.jpg", encoded(image, "JPEG", quality=92, subsampling=0, exif=exif)


def rich_exif():
    exif = Image.Exif()
    exif[0x010E] = "A test picture with much metadata"  # ImageDescription
    exif[0x010F] = "Minilab"  # Make
    exif[0x0110] = "Test Camera Mk II"  # Model
    exif[0x0112] = 1  # Orientation
    exif[0x0131] = "testdata/make.py"  # Software
    exif[0x0132] = "2024:06:02 10:20:30"  # DateTime
    exif[0x013B] = "Minilab maintainers"  # Artist
    exif[0x8298] = "CC0"  # Copyright
    photo = exif.get_ifd(0x8769)
    photo[0x829A] = IFDRational(1, 250)  # ExposureTime, s
    photo[0x829D] = IFDRational(28, 10)  # FNumber
    photo[0x8822] = 3  # ExposureProgram: aperture priority
    photo[0x8827] = 400  # ISO
    photo[0x9000] = b"0232"
    photo[0x9003] = "2024:06:01 18:30:15"  # DateTimeOriginal
    photo[0x9004] = "2024:06:01 18:30:15"  # DateTimeDigitized
    photo[0x9011] = "+02:00"  # OffsetTimeOriginal
    photo[0x9291] = "123"  # SubSecTimeOriginal
    photo[0x9204] = IFDRational(-1, 3)  # ExposureBiasValue, EV
    photo[0x9209] = 16  # Flash: did not fire, suppressed
    photo[0x920A] = IFDRational(35, 1)  # FocalLength, mm
    photo[0xA405] = 52  # FocalLengthIn35mmFilm, mm
    photo[0xA432] = (IFDRational(24, 1), IFDRational(70, 1), IFDRational(28, 10), IFDRational(28, 10))
    photo[0xA433] = "Minilab"  # LensMake
    photo[0xA434] = "24-70mm F2.8 Test Lens"  # LensModel
    position = exif.get_ifd(0x8825)  # Greenwich observatory: 51°28'40.12" N, 0°0'5.31" W, 47 m
    position[0] = b"\2\3\0\0"
    position[1], position[2] = "N", (IFDRational(51, 1), IFDRational(28, 1), IFDRational(4012, 100))
    position[3], position[4] = "W", (IFDRational(0, 1), IFDRational(0, 1), IFDRational(531, 100))
    position[5], position[6] = b"\0", IFDRational(47, 1)
    position[7] = (IFDRational(16, 1), IFDRational(30, 1), IFDRational(15, 1))
    position[29] = "2024:06:01"
    yield "exif-rich.jpg", encoded(clouds(120, 80, 11), "JPEG", quality=85, exif=exif)


def profiles():
    # The raw values are those of the plain picture, so converting to sRGB must change them.
    yield "profile-display-p3.jpg", encoded(quadrants(), "JPEG", quality=92, subsampling=0, icc_profile=icc.display_p3())
    yield "profile-display-p3.png", encoded(quadrants(), "PNG", icc_profile=icc.display_p3())
    yield "profile-adobe-rgb.jpg", encoded(quadrants(), "JPEG", quality=92, subsampling=0, icc_profile=icc.adobe_rgb())
    yield "profile-adobe-rgb.png", encoded(quadrants(), "PNG", icc_profile=icc.adobe_rgb())


def jpegs():
    photo = clouds(131, 97, 21)  # odd on purpose: no side is a whole number of MCUs
    yield "jpeg-444.jpg", encoded(photo, "JPEG", quality=85, subsampling=0)
    yield "jpeg-422.jpg", encoded(photo, "JPEG", quality=85, subsampling=1)
    yield "jpeg-420.jpg", encoded(photo, "JPEG", quality=85, subsampling=2)
    yield "jpeg-optimized.jpg", encoded(photo, "JPEG", quality=85, optimize=True)
    yield "jpeg-restart.jpg", encoded(photo, "JPEG", quality=85, restart_marker_blocks=3)
    yield "jpeg-progressive.jpg", encoded(photo, "JPEG", quality=85, progressive=True)
    yield "jpeg-grey.jpg", encoded(photo.convert("L"), "JPEG", quality=85)
    yield "jpeg-cmyk.jpg", encoded(quadrants().convert("CMYK"), "JPEG", quality=92, subsampling=0)
    yield "jpeg-1x1.jpg", encoded(Image.new("RGB", (1, 1), RED), "JPEG", quality=92)
    whole = encoded(clouds(256, 192, 22), "JPEG", quality=85)
    yield "jpeg-truncated.jpg", whole[: len(whole) // 2]
    # A start-of-frame that claims 65500 × 65500 in front of a tiny picture's data.
    claim = bytearray(encoded(quadrants(), "JPEG", quality=50))
    frame = claim.index(b"\xff\xc0")
    claim[frame + 5 : frame + 9] = struct.pack(">HH", 65500, 65500)
    yield "jpeg-claims-65500x65500.jpg", bytes(claim)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(width, height, depth, colour, data, interlace=0):
    """A PNG of filtered scan lines that are already laid out; Pillow writes no 16-bit RGBA and no Adam7."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def adam7(image):
    """Scan lines of the seven Adam7 passes, no filter."""
    out, pixels = bytearray(), image.load()
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, image.height, dy):
            if x0 < image.width:
                out.append(0)
                for x in range(x0, image.width, dx):
                    out.extend(pixels[x, y])
    return bytes(out)


def rgba16(width, height):
    """Red grows rightwards and green downwards in steps that 8 bits cannot tell apart; alpha falls rightwards."""
    out = bytearray()
    for y in range(height):
        out.append(0)
        for x in range(width):
            out += struct.pack(">HHHH", 20000 + x * 37, 30000 + y * 41, 4660, 65535 - x * 65535 // (width - 1))
    return bytes(out)


def hidden_colour(width=64, height=64):
    """An opaque blue disc; every other pixel is pure green under alpha 0. No green may ever show."""
    image = Image.new("RGBA", (width, height), (0, 255, 0, 0))
    ImageDraw.Draw(image).ellipse((12, 12, width - 13, height - 13), (20, 40, 230, 255))
    return image


def pngs():
    yield "png-rgb.png", encoded(quadrants(), "PNG")
    indexed = quadrants().quantize(8, dither=Image.Dither.NONE)
    white = min(range(8), key=lambda i: sum(255 - v for v in (indexed.getpalette() + [0] * 24)[i * 3 : i * 3 + 3]))
    # One tRNS entry a palette entry: the white F is clear, the others are opaque.
    yield "png-palette-trns.png", encoded(indexed, "PNG", transparency=bytes(0 if i == white else 255 for i in range(8)))
    yield "png-rgba-16bit.png", raw_png(48, 32, 16, 6, rgba16(48, 32))
    yield "png-interlaced.png", raw_png(61, 45, 8, 2, adam7(quadrants(61, 45)), interlace=1)
    yield "png-hidden-colour.png", encoded(hidden_colour(), "PNG")
    yield "png-grey-alpha.png", encoded(Image.merge("LA", (quadrants().convert("L"), Image.linear_gradient("L").resize((64, 48)))), "PNG")
    yield "png-claims-50000x50000.png", raw_png(50000, 50000, 8, 6, bytes(50001))
    whole = encoded(clouds(128, 96, 31), "PNG")
    yield "png-truncated.png", whole[: len(whole) // 2]


def webps():
    yield "webp-lossy.webp", encoded(clouds(131, 97, 41), "WEBP", quality=80)
    yield "webp-lossless-alpha.webp", encoded(hidden_colour(), "WEBP", lossless=True, exact=True)
    yield "webp-lossy-alpha.webp", encoded(hidden_colour(), "WEBP", quality=80)


def riff(name, body):
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp_frame(image, x, y, duration_ms, blends, clears, **options):
    """An ANMF chunk; Pillow's own writer chooses place, blending and disposal itself."""
    still = encoded(image, "WEBP", **options)
    chunks, at = b"", 12
    while at < len(still):
        name, length = still[at : at + 4], struct.unpack("<I", still[at + 4 : at + 8])[0]
        if name in (b"ALPH", b"VP8 ", b"VP8L"):
            chunks += still[at : at + 8 + length + length % 2]
        at += 8 + length + length % 2
    numbers = (x // 2, y // 2, image.width - 1, image.height - 1, duration_ms)
    place = b"".join(number.to_bytes(3, "little") for number in numbers)
    return riff(b"ANMF", place + bytes([(0 if blends else 2) | (1 if clears else 0)]) + chunks)


def animated_webps():
    """Six frames with every blending and disposal, lossy and lossless, played three times; and what Pillow shows of them, one below
    the other."""

    def block(width, height, colour, lowest_alpha):
        image = Image.new("RGBA", (width, height), colour)
        image.putalpha(Image.linear_gradient("L").resize((width, height)).point(lambda value: max(value, lowest_alpha)))
        return image

    exact = {"lossless": True, "exact": True}
    frames = [
        webp_frame(block(48, 32, RED, 60), 0, 0, 100, True, False, **exact),
        webp_frame(block(20, 12, GREEN, 0), 4, 6, 40, True, False, **exact),
        webp_frame(block(16, 16, BLUE, 0), 20, 10, 200, False, True, **exact),
        webp_frame(quadrants(24, 16), 22, 14, 70, True, True, quality=80),
        webp_frame(block(30, 20, YELLOW, 10), 10, 8, 0, True, False, quality=80),
        webp_frame(block(12, 30, WHITE, 0), 36, 2, 300, False, False, **exact),
    ]
    canvas = bytes([0x12, 0, 0, 0]) + (47).to_bytes(3, "little") + (31).to_bytes(3, "little")
    body = riff(b"VP8X", canvas) + riff(b"ANIM", bytes([10, 20, 30, 255]) + struct.pack("<H", 3)) + b"".join(frames)
    data = riff(b"RIFF", b"WEBP" + body)
    yield "webp-animated.webp", data
    shown = Image.open(io.BytesIO(data))
    strip = Image.new("RGBA", (48, 32 * shown.n_frames))
    for number in range(shown.n_frames):
        shown.seek(number)
        strip.paste(shown.convert("RGBA"), (0, 32 * number))
    yield "webp-animated-frames.png", encoded(strip, "PNG")


def gifs():
    """Four frames of a square that moves over a clear ground; the file cycles through disposals 1, 2 and 3."""
    frames = []
    for step in range(4):
        frame = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
        ImageDraw.Draw(frame).rectangle((2 + step * 10, 8, 13 + step * 10, 23), (RED, GREEN, BLUE, YELLOW)[step])
        frames.append(frame)
    options = {"save_all": True, "append_images": frames[1:], "duration": [100, 200, 100, 300], "loop": 0}
    yield "gif-animated-transparent.gif", encoded(frames[0], "GIF", disposal=[2, 3, 1, 2], **options)
    yield "gif-still.gif", encoded(quadrants().quantize(16), "GIF")


def lzw(indices, bits):
    """GIF's LZW without compression: a clear code before the codes would grow."""
    codes, width = [], bits + 1
    for start in range(0, len(indices), 2**bits - 2):
        codes += [2**bits, *indices[start : start + 2**bits - 2]]
    number = sum(code << (width * place) for place, code in enumerate(codes + [2**bits + 1]))
    data = number.to_bytes((width * (len(codes) + 1) + 7) // 8, "little")
    blocks = b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255))
    return bytes([bits]) + blocks + b"\0"


def raw_gif(size, palette, loops, frames):
    """A GIF of four colours. Pillow decides by itself on rectangles and disposals."""
    out = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 0, 0) + bytes(sum(palette, ()))
    out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loops) + b"\0"
    for frame in frames:
        x, y, width, height = frame["at"]
        clear = frame.get("clear")
        packed = frame["disposal"] << 2 | (clear is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHBB", packed, frame["delay"], clear or 0, 0)
        rows = [frame["indices"][row * width : (row + 1) * width] for row in range(height)]
        if frame.get("interlaced"):
            rows = rows[0::8] + rows[4::8] + rows[2::4] + rows[1::2]
        local = frame.get("palette")
        flags = (0x40 if frame.get("interlaced") else 0) | (0x81 if local else 0)
        out += b"\x2c" + struct.pack("<HHHHB", x, y, width, height, flags) + bytes(sum(local or [], ()))
        out += lzw([index for row in rows for index in row], 2)
    return out + b"\x3b"


def composed(size, frames):
    """What is shown frame by frame, below each other: (x, y), an RGBA picture, "over" or "source", and "keep", "clear" or "previous"."""
    shown = Image.new("RGBA", (size[0], size[1] * len(frames)))
    canvas = Image.new("RGBA", size)
    for number, (at, picture, blend, disposal) in enumerate(frames):
        before, pixels, above = canvas.copy(), canvas.load(), picture.load()
        inside = [(x, y) for y in range(picture.height) for x in range(picture.width) if at[0] + x < size[0] and at[1] + y < size[1]]
        for x, y in inside:
            old, new = pixels[at[0] + x, at[1] + y], above[x, y]
            if blend == "over":
                share = old[3] / 255 * (1 - new[3] / 255)
                alpha = new[3] / 255 + share
                mixed = [(n * new[3] / 255 + o * share) / alpha if alpha else 0 for n, o in zip(new[:3], old[:3])]
                new = tuple(round(value) for value in (*mixed, alpha * 255))
            pixels[at[0] + x, at[1] + y] = new
        shown.paste(canvas, (0, size[1] * number))
        if disposal == "previous":
            canvas = before
        if disposal == "clear":
            for x, y in inside:
                pixels[at[0] + x, at[1] + y] = (0, 0, 0, 0)
    return shown


def tricky_gif():
    """Every disposal, offsets, clear pixels, interlacing, a palette of its own, frames partly and wholly outside."""
    size, colours, others = (24, 16), [RED, GREEN, BLUE, YELLOW], [WHITE, (0, 0, 0), (255, 0, 255), (0, 255, 255)]

    def frame(at, disposal, delay, pattern, **more):
        indices = [pattern(x, y) % 4 for y in range(at[3]) for x in range(at[2])]
        return {"at": at, "disposal": disposal, "delay": delay, "indices": indices, **more}

    frames = [
        frame((0, 0, 24, 16), 1, 0, lambda x, y: x // 6 + y // 8),
        frame((4, 2, 10, 8), 2, 1, lambda x, y: x + y, clear=1),
        frame((10, 6, 10, 9), 3, 5, lambda x, y: y, palette=others, interlaced=True),
        frame((20, 12, 10, 8), 0, 7, lambda x, y: 3 if x > y else 0),
        frame((30, 30, 3, 3), 2, 9, lambda x, y: 2),
        frame((0, 0, 24, 16), 3, 11, lambda x, y: 2 if x % 5 == 0 else 1, clear=1, interlaced=True),
        frame((12, 0, 12, 16), 2, 13, lambda x, y: x, clear=0),
        frame((23, 15, 1, 1), 1, 300, lambda x, y: 2),
    ]
    shown = []
    for made in frames:
        palette, clear = made.get("palette") or colours, made.get("clear")
        picture = Image.new("RGBA", made["at"][2:])
        picture.putdata([(0, 0, 0, 0) if index == clear else (*palette[index], 255) for index in made["indices"]])
        disposal = ("keep", "keep", "clear", "previous")[made["disposal"]]
        shown.append((made["at"][:2], picture, "over", disposal))
    yield "gif-disposals.gif", raw_gif(size, colours, 3, frames)
    yield "gif-disposals.frames.png", encoded(composed(size, shown), "PNG")


def tricky_apng():
    """Every blend and disposal with half-clear pixels; the default image is not part of the animation."""
    size = (20, 14)
    frames = [
        ((0, 0), (20, 14), "source", "keep", lambda x, y: (220, 30, 30, 60 + x * 9), (0, 100)),
        ((3, 2), (9, 9), "over", "previous", lambda x, y: (30, 180, 60, 20 * y), (40, 1000)),
        ((8, 1), (12, 6), "source", "clear", lambda x, y: (30, 60, 220, 21 * x), (1, 25)),
        ((0, 7), (20, 7), "over", "keep", lambda x, y: (240, 220, 40, 255 if x % 3 else 100), (7, 0)),
        ((19, 13), (1, 1), "source", "keep", lambda x, y: (0, 0, 0, 0), (300, 100)),
    ]
    blends, disposals = ["source", "over"], ["keep", "clear", "previous"]
    header = struct.pack(">IIBBBBB", *size, 8, 6, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"acTL", struct.pack(">II", len(frames), 2))
    out += chunk(b"IDAT", zlib.compress((b"\0" + bytes((9, 9, 9, 255)) * size[0]) * size[1], 9))
    shown, sequence = [], 0
    for at, part, blend, disposal, pixel, delay in frames:
        picture = Image.new("RGBA", part)
        picture.putdata([pixel(x, y) for y in range(part[1]) for x in range(part[0])])
        control = struct.pack(">IIIIIHHBB", sequence, *part, *at, *delay, disposals.index(disposal), blends.index(blend))
        rows = picture.tobytes()
        lines = b"".join(b"\0" + rows[start : start + part[0] * 4] for start in range(0, len(rows), part[0] * 4))
        out += chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">I", sequence + 1) + zlib.compress(lines, 9))
        sequence += 2
        shown.append((at, picture, blend, disposal))
    yield "apng-blends.png", out + chunk(b"IEND", b"")
    yield "apng-blends.frames.png", encoded(composed(size, shown), "PNG")


def not_images():
    yield "text-named.jpg", b"This is a line of text, not a picture.\n"
    yield "empty.jpg", b""


def everything():
    for family in (orientations, rich_exif, profiles, jpegs, pngs, webps, animated_webps, gifs, tricky_gif, tricky_apng, not_images):
        yield from family()
    yield from more_formats.files(quadrants(), clouds, hidden_colour())
    yield from rare_formats.files(quadrants())


def main():
    if PIL.__version__ != PILLOW:
        print(f"made with Pillow {PILLOW}, this is {PIL.__version__}: bytes may differ", file=sys.stderr)
    check = sys.argv[1:] == ["--check"]
    OUT.mkdir(exist_ok=True)
    total, different, names = 0, [], set()
    for name, data in everything():
        path = OUT / name
        names.add(name)
        total += len(data)
        if not path.exists() or path.read_bytes() != data:
            different.append(name)
            if not check:
                path.write_bytes(data)
    unknown = sorted(p.name for p in OUT.iterdir() if p.name not in names | more_formats.MADE_ELSEWHERE)
    print(f"{len(names)} files, {total} bytes, {len(different)} {'different' if check else 'written'}")
    for name in different + [f"{name}: not made by this script" for name in unknown]:
        print("  " + name)
    return 1 if unknown or (check and different) else 0


if __name__ == "__main__":
    sys.exit(main())
