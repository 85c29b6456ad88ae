#!/usr/bin/env python3
"""Fills corpus/ with what fuzzing begins from: the project's own test images and rules files, nothing foreign."""

import pathlib
import re
import struct
import zlib

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
CORPUS = HERE / "corpus"
IMAGES = sorted((ROOT / "testdata/formats").iterdir())
BY_SUFFIX = {
    "avif": ".avif", "bmp": ".bmp", "gif": ".gif", "heic": ".heic", "ico": ".ico", "jpeg": ".jpg", "jxl": ".jxl", "png": ".png", "svg": ".svg",
    "tiff": ".tif", "webp": ".webp",
}
# A recipe of three steps for each test image in turn: a format, then five bytes a step (fuzz_targets/render.rs).
RECIPE_BYTES = 16
NOTIFICATION = """{"Records": [{"eventVersion": "2.1", "eventName": "ObjectCreated:Put", "eventTime": "2026-01-02T03:04:05.678Z",
"responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"}, "s3": {"bucket": {"name": "photos"},
"object": {"key": "a+b/%C3%A9t%C3%A9.jpg", "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"}}}]}"""


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def segments(jpeg):
    """Marker and body of each segment before the first scan."""
    position = 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF and jpeg[position + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[position + 2 : position + 4])[0]
        yield jpeg[position + 1], jpeg[position + 4 : position + 2 + length]
        position += 2 + length


def blocks():
    """Metadata blocks with the kind that fuzz_targets/metadata.rs takes them for."""
    for image in IMAGES:
        if image.suffix != ".jpg":
            continue
        for marker, body in segments(image.read_bytes()):
            if body.startswith(b"Exif\0\0"):
                yield f"exif-png-{image.stem}", 0, body[6:]
                yield f"exif-jpeg-{image.stem}", 6, body[6:]
            if body.startswith(b"ICC_PROFILE\0"):
                yield f"icc-{image.stem}", 1, body[14:]
    xmp = b"""<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:exif='http://ns.adobe.com/exif/1.0/' exif:GPSLatitude='51,28N'>
<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator><dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>Hers</rdf:li></rdf:Alt>
</dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>"""
    for kind in (2, 3, 7):
        yield f"xmp-{kind}", kind, xmp
    iptc = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(text)) + text for number, text in [(80, b"Ann"), (116, b"Hers"), (25, b"sea")])
    yield "iptc", 4, iptc
    yield "photoshop", 5, b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc


def main():
    for target, suffix in BY_SUFFIX.items():
        for image in IMAGES:
            if image.suffix == suffix:
                write(target, image.name, image.read_bytes())
                write("header", image.name, image.read_bytes())
    small = [image for image in IMAGES if image.suffix in (".png", ".jpg", ".gif", ".webp", ".bmp") and image.stat().st_size < 6000]
    for index, image in enumerate(small):
        steps = b"".join(bytes([(index * 3 + step) % 20, 30 + index, 20, 5 * step, index]) for step in range(3))
        write("render", image.name, bytes([index % 5]) + steps + image.read_bytes())
    for name, kind, block in blocks():
        write("metadata", name, bytes([kind]) + block)
    rules = [ROOT / "minilab.toml", *(ROOT / "examples").rglob("*.toml")]
    texts = [path.read_text() for path in rules] + re.findall(r"```toml\n(.*?)```", (ROOT / "docs/images.md").read_text(), re.S)
    for index, text in enumerate(texts):
        # The target knows rules alone.
        tables = re.split(r"(?m)^(?=\[\[?)", text)
        write("rules", f"file-{index}", "".join(table for table in tables if table.startswith("[[rules")).encode())
        for line in re.findall(r'key = "(.*?)"', text):
            write("rules", f"key-{index}-{zlib.crc32(line.encode()) % 1000}", f"{line}\nin/photo.JPG".encode())
    write("event", "put", NOTIFICATION.encode())
    write("event", "test", b'{"Service": "Amazon S3", "Event": "s3:TestEvent"}')


if __name__ == "__main__":
    main()
