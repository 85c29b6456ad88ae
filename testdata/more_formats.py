"""TIFF, BMP, ICO, AVIF and SVG files for make.py: the same few pictures in many clothes.

Pillow writes what it can. TIFF and BMP kinds that it does not write are put together here. AVIF of more than 8 bits, and of
other samplings than Pillow's, come from imagecodecs (libavif); they are made once and only checked for being there, because
every encoder's version gives other bytes.
"""

import base64
import io
import struct
import zlib

from PIL import Image

import icc


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def raw_tiff(tags, chunks, order="<", tiled=False, strips=None):
    """A TIFF of chunks that are already packed. `tags`: {tag: (kind, values)}, kind as in struct: B, H, I; R for fractions, two numbers
    each. Of the chunks only the first `strips` are named as such."""
    kinds = {"B": 1, "H": 3, "I": 4, "R": 5}
    header = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0)
    offsets, body = [], b""
    for chunk in chunks:
        offsets.append(len(header) + len(body))
        body += chunk + bytes(len(chunk) % 2)
    tags = dict(tags)
    tags[324 if tiled else 273] = ("I", offsets[:strips])
    tags[325 if tiled else 279] = ("I", [len(chunk) for chunk in chunks][:strips])
    directory_at = len(header) + len(body)
    values_at = directory_at + 2 + 12 * len(tags) + 4
    directory, values = struct.pack(order + "H", len(tags)), b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(order + kind.replace("R", "I") * len(numbers), *numbers)
        if len(packed) <= 4:
            where = packed.ljust(4, b"\0")
        else:
            where = struct.pack(order + "I", values_at + len(values))
            values += packed + bytes(len(packed) % 2)
        count = len(numbers) // 2 if kind == "R" else len(numbers)
        directory += struct.pack(order + "HHI", tag, kinds[kind], count) + where
    return header[:4] + struct.pack(order + "I", directory_at) + body + directory + bytes(4) + values


def picture_tags(width, height, bits, photometric, compression=1, **more):
    tags = {256: ("I", [width]), 257: ("I", [height]), 258: ("H", bits), 259: ("H", [compression]), 262: ("H", [photometric])}
    tags[277] = ("H", [len(bits)])
    tags.update({int(tag[1:]): value for tag, value in more.items()})
    return tags


def pack_bits(rows, bits):
    """Rows of small numbers as bytes, each row filled up."""
    out = bytearray()
    for row in rows:
        text = "".join(format(value, f"0{bits}b") for value in row)
        text += "0" * (-len(text) % 8)
        out += bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    return bytes(out)


def rows_of(image):
    pixels = list(image.getdata())
    return [pixels[y * image.width : (y + 1) * image.width] for y in range(image.height)]


def faded(quadrants):
    """Quadrants under an alpha from 64 to 255."""
    alpha = Image.linear_gradient("L").resize(quadrants.size).point(lambda value: 64 + value * 191 // 255)
    image = quadrants.copy()
    image.putalpha(alpha)
    return image


def larger(quadrants):
    return quadrants.resize((100, 90), Image.Resampling.NEAREST)


def references(quadrants):
    yield "png-100x90.png", encoded(larger(quadrants), "PNG")
    yield "png-grey.png", encoded(quadrants.convert("L"), "PNG")
    yield "png-bilevel.png", encoded(quadrants.convert("1", dither=Image.Dither.NONE), "PNG")
    yield "png-faded.png", encoded(faded(quadrants), "PNG")


def tiffs(quadrants, disc):
    width, height = quadrants.size
    grey, bilevel = quadrants.convert("L"), quadrants.convert("1", dither=Image.Dither.NONE)
    yield "tiff-rgb.tif", encoded(quadrants, "TIFF")
    yield "tiff-lzw-predictor.tif", encoded(quadrants, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield "tiff-deflate-strips.tif", encoded(quadrants, "TIFF", compression="tiff_adobe_deflate", strip_size=64 * 3 * 7)
    yield "tiff-packbits.tif", encoded(quadrants, "TIFF", compression="packbits")
    yield "tiff-jpeg.tif", encoded(quadrants, "TIFF", compression="jpeg", quality=92)
    yield "tiff-big.tif", encoded(quadrants, "TIFF", compression="tiff_lzw", big_tiff=True)
    yield "tiff-grey.tif", encoded(grey, "TIFF")
    yield "tiff-group4.tif", encoded(bilevel, "TIFF", compression="group4")
    yield "tiff-bilevel.tif", encoded(bilevel, "TIFF")
    yield "tiff-palette.tif", encoded(quadrants.quantize(8, dither=Image.Dither.NONE), "TIFF", compression="tiff_lzw")
    yield "tiff-cmyk.tif", encoded(quadrants.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "tiff-rgba.tif", encoded(disc, "TIFF", compression="tiff_adobe_deflate")
    yield "tiff-profile.tif", encoded(quadrants, "TIFF", compression="tiff_lzw", icc_profile=icc.display_p3())
    turned = quadrants.transpose(Image.Transpose.ROTATE_90)
    yield "tiff-orientation-6.tif", encoded(turned, "TIFF", compression="tiff_lzw", tiffinfo={274: 6})
    shades = grey.convert("F").point(lambda value: value / 255 + 0)
    yield "tiff-float.tif", encoded(shades, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 3})

    rgb = quadrants.tobytes()
    planes = [bytes(rgb[channel::3]) for channel in range(3)]
    half = width * (height // 2)
    strips = [zlib.compress(plane[start : start + half], 9) for plane in planes for start in (0, half)]
    tags = picture_tags(width, height, [8] * 3, 2, 8, t284=("H", [2]), t278=("H", [height // 2]))
    yield "tiff-planar.tif", raw_tiff(tags, strips, ">")

    # Tiles of 48×32 on 64×48 pixels: two by two, filled up with white.
    canvas = Image.new("RGB", (96, 64), "white")
    canvas.paste(quadrants)
    tiles = [canvas.crop((x, y, x + 48, y + 32)).tobytes() for y in (0, 32) for x in (0, 48)]
    tags = picture_tags(width, height, [8] * 3, 2, 8, t322=("H", [48]), t323=("H", [32]))
    yield "tiff-tiles.tif", raw_tiff(tags, [zlib.compress(tile, 9) for tile in tiles], tiled=True)

    # 16 bits with the highest byte first, subtracted from the left neighbour.
    rows = []
    for y in range(32):
        values, before = [], (0, 0, 0, 0)
        for x in range(48):
            pixel = (20000 + x * 37, 30000 + y * 41, 4660, 65535 - x * 65535 // 47)
            values += [(now - then) & 0xFFFF for now, then in zip(pixel, before)]
            before = pixel
        rows.append(struct.pack(">192H", *values))
    tags = picture_tags(48, 32, [16] * 4, 2, 8, t317=("H", [2]), t338=("H", [2]))
    yield "tiff-rgba-16bit.tif", raw_tiff(tags, [zlib.compress(b"".join(rows), 9)], ">")

    premultiplied = b"".join(
        bytes(((value * a + 127) // 255) for value in (r, g, b)) + bytes((a,)) for r, g, b, a in faded(quadrants).getdata()
    )
    tags = picture_tags(width, height, [8] * 4, 2, 8, t338=("H", [1]))
    yield "tiff-associated-alpha.tif", raw_tiff(tags, [zlib.compress(premultiplied, 9)])

    inverted = [[15 - value // 17 for value in row] for row in rows_of(grey)]
    tags = picture_tags(width, height, [4], 0)
    yield "tiff-white-is-zero-4bit.tif", raw_tiff(tags, [pack_bits(inverted, 4)])

    entries = [(220, 30, 30), (30, 180, 60), (30, 60, 220), (240, 220, 40)]
    nearest = [[min(range(4), key=lambda i: sum((a - b) ** 2 for a, b in zip(entries[i], pixel))) for pixel in row] for row in rows_of(quadrants)]
    colors = [entries[i][channel] * 257 for channel in range(3) for i in range(4)]
    tags = picture_tags(width, height, [2], 3, t320=("H", colors))
    yield "tiff-palette-2bit.tif", raw_tiff(tags, [pack_bits(nearest, 2)])

    twelve = [[channel * 4095 // 255 for pixel in row for channel in pixel] for row in rows_of(quadrants)]
    yield "tiff-rgb-12bit.tif", raw_tiff(picture_tags(width, height, [12] * 3, 2, 8), [zlib.compress(pack_bits(twelve, 12), 9)])

    # Hostile: sizes that nothing is behind, and a kind that is not read.
    tags = picture_tags(50000, 50000, [8] * 3, 2, t278=("I", [50000]))
    yield "tiff-claims-50000x50000.tif", raw_tiff(tags, [bytes(16)])
    yield "tiff-logluv.tif", raw_tiff(picture_tags(2, 2, [16] * 3, 32845), [bytes(24)])


def raw_bmp(header, pixels, masks=b"", palette=b""):
    start = 14 + len(header) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + masks + palette + pixels


def bmp_info(width, height, bits, compression=0, colors=0, length=40):
    return struct.pack("<IiiHHIIiiII", length, width, height, 1, bits, compression, 0, 2835, 2835, colors, 0)


def bmps(quadrants):
    width, height = quadrants.size
    yield "bmp-rgb.bmp", encoded(quadrants, "BMP")
    indexed = quadrants.quantize(8, dither=Image.Dither.NONE)
    yield "bmp-palette.bmp", encoded(indexed, "BMP")
    yield "bmp-bilevel.bmp", encoded(quadrants.convert("1", dither=Image.Dither.NONE), "BMP")
    numbers = (indexed.getpalette() + [0] * 24)[:24]
    palette = b"".join(bytes((numbers[i + 2], numbers[i + 1], numbers[i], 0)) for i in range(0, 24, 3))
    rows = rows_of(indexed)[::-1]
    yield "bmp-4bit.bmp", raw_bmp(bmp_info(width, height, 4, 0, 8), pack_bits(rows, 4), b"", palette)

    runs8, runs4 = bytearray(), bytearray()
    for y, row in enumerate(rows):
        x = 0
        while x < width:
            length = 1
            while x + length < width and row[x + length] == row[x]:
                length += 1
            if y % 3:
                runs8 += bytes((length, row[x]))
                runs4 += bytes((length, row[x] << 4 | row[x]))
            else:
                # Literal runs have three pixels or more.
                length = min(5, width - x)
                if length < 3:
                    length = 1
                    runs8 += bytes((1, row[x]))
                    runs4 += bytes((1, row[x] << 4))
                else:
                    piece = row[x : x + length]
                    runs8 += bytes((0, length)) + bytes(piece) + bytes(length % 2)
                    packed = pack_bits([piece], 4)
                    runs4 += bytes((0, length)) + packed + bytes(len(packed) % 2)
            x += length
        runs8 += b"\0\0"
        runs4 += b"\0\0"
    yield "bmp-rle8.bmp", raw_bmp(bmp_info(width, height, 8, 1, 8), bytes(runs8) + b"\0\1", b"", palette)
    yield "bmp-rle4.bmp", raw_bmp(bmp_info(width, height, 4, 2, 8), bytes(runs4) + b"\0\1", b"", palette)

    five_six_five = b"".join(
        struct.pack("<H", (r * 31 + 127) // 255 << 11 | (g * 63 + 127) // 255 << 5 | (b * 31 + 127) // 255)
        for row in rows_of(quadrants)[::-1]
        for r, g, b in row
    )
    yield "bmp-565.bmp", raw_bmp(bmp_info(width, height, 16, 3), five_six_five, struct.pack("<III", 0xF800, 0x07E0, 0x001F))

    # Version 5, rows from the top, with alpha.
    header = bmp_info(width, -height, 32, 3, length=124) + struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs"
    pixels = b"".join(bytes((b, g, r, a)) for r, g, b, a in faded(quadrants).getdata())
    yield "bmp-v5-alpha.bmp", raw_bmp(header.ljust(124, b"\0"), pixels)

    # OS/2's first header: 16-bit sizes, no more than three bytes an entry.
    core = struct.pack("<IHHHH", 12, width, height, 1, 24)
    yield "bmp-os2.bmp", raw_bmp(core, b"".join(bytes((b, g, r)) for row in rows_of(quadrants)[::-1] for r, g, b in row))
    yield "bmp-claims-60000x60000.bmp", raw_bmp(bmp_info(60000, 60000, 8, 1), b"\0\1")


def icos(quadrants, disc):
    square = quadrants.resize((48, 48), Image.Resampling.NEAREST)
    yield "ico-png.ico", encoded(disc, "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
    yield "ico-bitmap.ico", encoded(disc, "ICO", sizes=[(16, 16), (64, 64)], bitmap_format="bmp")
    # 24 bits and a mask that clears the right half.
    rows = rows_of(square)[::-1]
    pixels = b"".join(bytes((b, g, r)) for row in rows for r, g, b in row)
    mask = (b"\x00\x00\x00\xff\xff\xff" + bytes(2)) * 48
    bitmap = struct.pack("<IiiHHIIiiII", 40, 48, 96, 1, 24, 0, 0, 0, 0, 0, 0) + pixels + mask
    yield "ico-mask.ico", struct.pack("<HHHBBBBHHII", 0, 1, 1, 48, 48, 0, 0, 1, 24, len(bitmap), 22) + bitmap


def avifs(quadrants, disc, photo):
    yield "avif-444.avif", encoded(quadrants, "AVIF", quality=90, subsampling="4:4:4", codec="aom", speed=6)
    yield "avif-420.avif", encoded(photo, "AVIF", quality=90, subsampling="4:2:0", codec="aom", speed=6)
    yield "avif-422.avif", encoded(photo, "AVIF", quality=90, subsampling="4:2:2", codec="aom", speed=6)
    yield "avif-grey.avif", encoded(quadrants.convert("L"), "AVIF", quality=90, subsampling="4:0:0", codec="aom", speed=6)
    yield "avif-alpha.avif", encoded(faded(quadrants), "AVIF", quality=90, subsampling="4:4:4", codec="aom", speed=6)
    yield "avif-limited-range.avif", encoded(quadrants, "AVIF", quality=90, subsampling="4:4:4", range="limited", codec="aom", speed=6)
    yield "avif-profile.avif", encoded(quadrants, "AVIF", quality=95, subsampling="4:4:4", icc_profile=icc.display_p3(), codec="aom", speed=6)
    yield "avif-grid.avif", avif_grid(quadrants)
    undo = {2: "FLIP_LEFT_RIGHT", 5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270"}
    for orientation, method in undo.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = quadrants.transpose(Image.Transpose[method])
        options = {"quality": 90, "subsampling": "4:4:4", "exif": exif.tobytes(), "codec": "aom", "speed": 6}
        yield f"avif-orientation-{orientation}.avif", encoded(stored, "AVIF", **options)


def box(kind, *content):
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind, version, flags, *content):
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def av1_parts(file):
    """The configuration box and the data of a file of one picture, as Pillow writes it."""
    at = file.index(b"av1C") - 4
    (length,) = struct.unpack_from(">I", file, at)
    return file[at : at + length], file[file.index(b"mdat") + 4 :]


def avif_grid(quadrants):
    """Two by two tiles of 64×64 that cover 100×90: what stands over at the right and below is cut off."""
    canvas = Image.new("RGB", (128, 128), "white")
    canvas.paste(larger(quadrants))
    tiles = [canvas.crop((x, y, x + 64, y + 64)) for y in (0, 64) for x in (0, 64)]
    parts = [av1_parts(encoded(tile, "AVIF", quality=90, subsampling="4:4:4", codec="aom", speed=6)) for tile in tiles]
    description = bytes((0, 0, 1, 1)) + struct.pack(">HH", 100, 90)

    def meta(start):
        infos = [full_box(b"infe", 2, 0, struct.pack(">HH4s", 1, 0, b"grid"), b"\0")]
        infos += [full_box(b"infe", 2, 1, struct.pack(">HH4s", 2 + i, 0, b"av01"), b"\0") for i in range(4)]
        # The grid's own data stands in the meta box; the tiles' in the file.
        places = struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(description))
        for i, (_, data) in enumerate(parts):
            places += struct.pack(">HHHHII", 2 + i, 0, 0, 1, start, len(data))
            start += len(data)
        sizes = [full_box(b"ispe", 0, 0, struct.pack(">II", *size)) for size in ((100, 90), (64, 64))]
        color = box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80))
        links = struct.pack(">I", 5) + struct.pack(">HBBB", 1, 2, 1, 4)
        links += b"".join(struct.pack(">HBBBB", 2 + i, 3, 2, 0x83, 4) for i in range(4))
        return full_box(
            b"meta", 0, 0,
            full_box(b"hdlr", 0, 0, bytes(4) + b"pict" + bytes(13)),
            full_box(b"pitm", 0, 0, struct.pack(">H", 1)),
            full_box(b"iinf", 0, 0, struct.pack(">H", 5), *infos),
            full_box(b"iloc", 1, 0, struct.pack(">HH", 0x4400, 5), places),
            full_box(b"iref", 0, 0, box(b"dimg", struct.pack(">HHHHHH", 1, 4, 2, 3, 4, 5))),
            box(b"iprp", box(b"ipco", *sizes, parts[0][0], color), full_box(b"ipma", 0, 0, links)),
            box(b"idat", description),
        )  # fmt: skip

    kind = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    start = len(kind) + len(meta(0)) + 8
    return kind + meta(start) + box(b"mdat", *(data for _, data in parts))


SVG_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'

QUADRANTS_SVG = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- The quadrants as shapes. -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
{SVG_OPEN} viewBox="0 0 64 48" shape-rendering="crispEdges">
  <style>.r {{ fill: rgb(220, 30, 30) }} .g {{ fill: rgb(30, 180, 60) }}</style>
  <path class="r" d="M0 0h32v24H0z"/><path class="g" d="M32 0h32v24H32z"/>
  <path fill="#1e3cdc" d="M0 24h32v24H0z"/><path fill="#f0dc28" d="M32 24h32v24H32z"/>
  <path fill="white" d="M24 12h4v25h-4z M24 12h17v4H24z M24 24h13v4H24z"/>
</svg>
"""


def svgs(quadrants):
    yield "svg-quadrants.svg", b"\xef\xbb\xbf" + QUADRANTS_SVG.encode()
    yield "svg-half-clear.svg", f'{SVG_OPEN} width="40" height="20"><path fill="#f00" fill-opacity="0.5" d="M0 0h20v20H0z"/></svg>\n'.encode()
    yield "svg-outside.svg", (
        f'{SVG_OPEN} width="20" height="10">\n<rect width="20" height="10" fill="#0000ff"/>\n'
        '<image width="20" height="10" xlink:href="png-rgb.png"/>\n<image width="20" height="10" href="file:///etc/passwd"/>\n'
        '<image width="20" height="10" href="http://127.0.0.1/a.png"/>\n<use href="svg-quadrants.svg#a"/>\n</svg>\n'
    ).encode()
    picture = base64.b64encode(encoded(quadrants, "PNG")).decode()
    yield "svg-text-and-picture.svg", (
        f'{SVG_OPEN} width="64" height="48">\n<image width="64" height="48" href="data:image/png;base64,{picture}"/>\n'
        '<text x="4" y="40" font-size="20" textLength="50">one <tspan fill="#fff" rotate="10">two</tspan></text>\n</svg>\n'
    ).encode()
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    yield "svg-entity-bomb.svg", (
        f'<!DOCTYPE svg [<!ENTITY e0 "lol">{entities}]>\n{SVG_OPEN} width="20" height="10"><text>&e9;</text></svg>\n'
    ).encode()
    uses = "".join(f'<g id="g{n}">' + f'<use href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, 9))
    yield "svg-use-bomb.svg", f'{SVG_OPEN} width="20" height="10"><path id="g0" d="M0 0h9v9z"/>{uses}</svg>\n'.encode()
    yield "svg-filter-bomb.svg", (
        f'{SVG_OPEN} width="2000" height="2000"><filter id="f"><feTurbulence baseFrequency="0.1" numOctaves="100000"/>'
        '<feMorphology radius="900"/></filter><rect width="2000" height="2000" filter="url(#f)"/></svg>\n'
    ).encode()
    yield "svg-pattern-bomb.svg", (
        f'{SVG_OPEN} width="20" height="10"><pattern id="p" width="90000" height="90000" patternUnits="userSpaceOnUse">'
        '<path d="M0 0h9v9z"/></pattern><rect width="20" height="10" fill="url(#p)"/></svg>\n'
    ).encode()


def files(quadrants, clouds, disc):
    """Every file, by name. `quadrants` and `disc` are pictures, `clouds` makes one."""
    yield from references(quadrants)
    yield from tiffs(quadrants, disc)
    yield from bmps(quadrants)
    yield from icos(quadrants, disc)
    yield from avifs(quadrants, disc, clouds(67, 51, 51))
    yield "png-clouds.png", encoded(clouds(67, 51, 51), "PNG")
    yield from svgs(quadrants)
    yield "heic-header.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(16)
    yield "jxl-header.jxl", b"\xff\x0a" + bytes(16)


# Made with imagecodecs 2026.3.6 (libavif 1.4.0), speed 6: the quadrants at 10 bits (4:4:4, level 90) and without loss, the
# clouds at 12 bits (4:2:0, level 95), and the clouds as 12-bit JPEG (level 85). JPEG XL with the same (libjxl), effort 7: without loss,
# and the clouds at distance 1. HEIC with heif-enc (libheif 1.15.1, x265 3.5), level 95, but for the limited range with pillow-heif 1.8.1;
# the last two are boxes around tiles that heif-enc made.
MADE_ELSEWHERE = {
    "avif-10bit.avif", "avif-12bit.avif", "avif-identity.avif", "jpeg-12bit.jpg",
    "heic-10bit.heic", "heic-420.heic", "heic-444.heic", "heic-alpha.heic", "heic-grey.heic", "heic-limited-range.heic", "heic-profile.heic",
    "heic-quadrants.heic", "heic-cut-and-turned.heic", "heic-grid.heic",
    "jxl-alpha.jxl", "jxl-grey.jxl", "jxl-lossless.jxl", "jxl-lossy.jxl", "jxl-rgba-16bit.jxl",
}  # fmt: skip
