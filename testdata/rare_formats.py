"""Files for make.py that break a rule, or use what few writers do, and that other decoders show all the same."""

import itertools
import struct
import zlib

from PIL import Image, ImageCms

from more_formats import encoded, pack_bits, picture_tags, raw_tiff, rows_of


def tiffs(quadrants):
    """Kinds that scanners, fax machines, microscopes and old programs write."""
    width, height = quadrants.size
    grey, bilevel = quadrants.convert("L"), quadrants.convert("1", dither=Image.Dither.NONE)
    for name, compression, more in (
        ("group3", "group3", {}), ("group3-2d", "group3", {292: 1}), ("fax-runs", "tiff_ccitt", {}), ("group3-reversed", "group3", {266: 2}),
    ):  # fmt: skip
        yield f"tiff-{name}.tif", encoded(bilevel, "TIFF", compression=compression, tiffinfo=more)
    # The lowest bit of each byte first.
    reversed_bits = bytes(int(f"{byte:08b}"[::-1], 2) for byte in grey.tobytes())
    tags = picture_tags(width, height, [8], 1, t266=("H", [2]))
    yield "tiff-reversed-bits.tif", raw_tiff(tags, [reversed_bits])
    # With a sign: below nothing is black. Two columns of values below, then up to the middle of the range.
    values = [[-9, -32768] + [value * 128 for value in row[2:]] for row in rows_of(grey)]
    tags = picture_tags(width, height, [16], 1, t339=("H", [2]))
    yield "tiff-signed-16bit.tif", raw_tiff(tags, [struct.pack(f"<{width * height}h", *itertools.chain(*values))])
    # Depths for more channels than there are.
    tags = picture_tags(width, height, [8, 8, 8, 1], 2, 8)
    tags[277] = ("H", [3])
    yield "tiff-depths-left-over.tif", raw_tiff(tags, [zlib.compress(quadrants.tobytes(), 9)])
    # A plane that is not looked at, and is not there.
    tags = picture_tags(width, height, [8] * 2, 1, 8, t284=("H", [2]), t338=("H", [0]))
    yield "tiff-plane-missing.tif", raw_tiff(tags, [zlib.compress(grey.tobytes(), 9), b""])

    rgb_to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(quadrants, rgb_to_lab)
    yield "tiff-lab.tif", encoded(lab, "TIFF")
    # ICC's Lab of 16 bits is that of 8 with a fraction, a and b moved by 128; Pillow's bytes have the sign.
    moved = [value << 8 if index % 3 == 0 else (value ^ 128) << 8 for index, value in enumerate(lab.tobytes("raw", "LAB"))]
    yield "tiff-icc-lab-16bit.tif", raw_tiff(picture_tags(width, height, [16] * 3, 9), [struct.pack(f"<{len(moved)}H", *moved)])

    yield "tiff-ycbcr.tif", encoded(quadrants.convert("YCbCr"), "TIFF", compression="tiff_lzw")
    # Blocks of two by two, with the range of video; Rec. 709.
    blocks = bytearray()
    for y, x in itertools.product(range(0, height, 2), range(0, width, 2)):
        pixels = [quadrants.getpixel((x + i % 2, y + i // 2)) for i in range(4)]
        lumas = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in pixels]
        blocks += bytes(round(16 + luma * 219 / 255) for luma in lumas)
        blue = sum((p[2] - luma) / 1.8556 for p, luma in zip(pixels, lumas)) / 4
        red = sum((p[0] - luma) / 1.5748 for p, luma in zip(pixels, lumas)) / 4
        blocks += bytes(round(128 + value * 112 / 127) for value in (blue, red))
    tags = picture_tags(width, height, [8] * 3, 6, 8, t530=("H", [2, 2]))
    tags[529] = ("R", [2126, 10000, 7152, 10000, 722, 10000])
    tags[532] = ("R", [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1])
    yield "tiff-ycbcr-420.tif", raw_tiff(tags, [zlib.compress(bytes(blocks), 9)])

    # JPEG before Adobe's note: the file as it is, and its parts each by itself.
    jpeg = encoded(quadrants, "JPEG", quality=92, subsampling=2)
    tags = picture_tags(width, height, [8] * 3, 6, 6)
    tags[513], tags[514] = ("I", [8]), ("I", [len(jpeg)])
    yield "tiff-old-jpeg.tif", raw_tiff(tags, [jpeg])
    yield "tiff-old-jpeg-parts.tif", old_jpeg_parts(jpeg, tags)


def old_jpeg_parts(jpeg, tags):
    """The data of a scan, and each table where its tag says. All components share tables but for luma's."""
    tables, position = {}, 2
    while True:
        marker, length = jpeg[position + 1], struct.unpack_from(">H", jpeg, position + 2)[0]
        body = jpeg[position + 4 : position + 2 + length]
        position += 2 + length
        if marker == 0xDA:
            break
        while marker in (0xDB, 0xC4) and body:
            end = 65 if marker == 0xDB else 17 + sum(body[1:17])
            tables[marker, body[0]] = body[1:end]
            body = body[end:]
    data = jpeg[position:-2]
    # The tables stand behind the data, as raw_tiff puts it at 8 and fills it up to even.
    chunks, at = [data], 8 + len(data) + len(data) % 2
    tags = {tag: value for tag, value in tags.items() if tag not in (513, 514)}
    tags[530] = ("H", [2, 2])
    for tag, marker, kind in ((519, 0xDB, 0), (520, 0xC4, 0), (521, 0xC4, 0x10)):
        offsets = []
        for slot in (0, 1):
            table = tables[marker, kind | slot]
            offsets.append(at)
            chunks.append(table)
            at += len(table) + len(table) % 2
        tags[tag] = ("I", [offsets[0], offsets[1], offsets[1]])
    return raw_tiff(tags, chunks, strips=1)

def bmps(quadrants):
    """As on the clipboard, without a file header; and with one that takes the palette for the pixels."""
    indexed = quadrants.quantize(8, dither=Image.Dither.NONE)
    yield "bmp-headless.dib", encoded(indexed, "DIB")
    file = bytearray(encoded(indexed, "BMP"))
    struct.pack_into("<I", file, 10, 54)
    yield "bmp-offset-of-palette.bmp", bytes(file)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pngs(quadrants):
    """A transparent grey with more bits than the pixels have; an animation whose chunks are out of order; pixels with a bad checksum."""
    bilevel = quadrants.convert("1", dither=Image.Dither.NONE)
    rows = b"".join(b"\0" + pack_bits([row], 1) for row in [[value // 255 for value in row] for row in rows_of(bilevel)])
    start = b"\x89PNG\r\n\x1a\n"
    size = struct.pack(">II", *quadrants.size)
    data, end = png_chunk(b"IDAT", zlib.compress(rows, 9)), png_chunk(b"IEND", b"")
    header = png_chunk(b"IHDR", size + bytes((1, 0, 0, 0, 0)))
    yield "png-key-of-8-bits.png", start + header + png_chunk(b"tRNS", b"\0\xff") + data + end
    whole = encoded(quadrants, "PNG")
    header, pixels = whole[8:33], whole[33:-12]
    frames = b"".join(
        png_chunk(b"fcTL", struct.pack(">I", number) + size + struct.pack(">IIHHBB", 0, 0, 1, 10, 0, 0))
        + png_chunk(b"fdAT", struct.pack(">I", number + 1) + pixels[8:-4])
        for number in (0, 7)
    )
    yield "apng-out-of-order.png", start + header + png_chunk(b"acTL", struct.pack(">II", 2, 0)) + pixels + frames + end
    yield "png-bad-checksum.png", whole[:-16] + bytes(4) + whole[-12:]


def gifs():
    """A first frame that is larger than the screen; and no table of colours at all."""
    yield "gif-small-screen.gif", b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0x80, 0, 0) + bytes((220, 30, 30, 30, 60, 220)) + gif_frame()
    yield "gif-no-colours.gif", b"GIF87a" + struct.pack("<HHBBB", 4, 3, 0, 0, 0) + gif_frame()


def gif_frame():
    """4×3 pixels of 0 and 1 in turn: a clear code, two codes, and so on, so that codes stay at three bits."""
    codes = []
    for _ in range(6):
        codes += [4, 0, 1]
    number = sum(code << (3 * place) for place, code in enumerate(codes + [5]))
    data = number.to_bytes((3 * (len(codes) + 1) + 7) // 8, "little")
    return b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 3, 0) + bytes((2, len(data))) + data + b"\0\x3b"


def files(quadrants):
    yield from tiffs(quadrants)
    yield from bmps(quadrants)
    yield from pngs(quadrants)
    yield from gifs()
