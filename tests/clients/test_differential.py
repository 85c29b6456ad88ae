"""`minilab develop` beside Pillow and libvips: some hundred images of every mode, depth, orientation and packing that Pillow writes,
and those of testdata/. Size, orientation, transparency and colour must be the same.

Colour: the mean CIE76 over the image laid on white, both in sRGB, is at most 2 (see peers.py).
"""

import itertools
import json
import shutil
import subprocess

import numpy as np
import peers
import pytest
from PIL import Image
from server import ROOT, binary, clean_environment

TESTDATA = ROOT / "testdata/formats"
# No side is a whole number of blocks, and no turn or mirror leaves the picture as it is.
SIZES = [(61, 47), (16, 33), (1, 1)]


def picture(size):
    """A smooth red to blue from left to right, brighter downwards, with a white corner."""
    width, height = size
    across, down = np.linspace(0, 1, width), np.linspace(0.3, 1, height)[:, None]
    planes = [230 * (1 - across) * down, 120 * across * down, 210 * across * down + 20]
    pixels = np.stack([plane + np.zeros((height, width)) for plane in planes], axis=-1).astype(np.uint8)
    pixels[: height // 4, : width // 4] = 255
    return Image.fromarray(pixels)


def faded(image, mode="RGBA"):
    """More and more opaque downwards."""
    image = image.convert("RGB" if mode == "RGBA" else "L")
    image.putalpha(Image.fromarray(np.tile(np.linspace(40, 255, image.height).astype(np.uint8)[:, None], (1, image.width))))
    return image


def in_mode(mode, size):
    image = picture(size)
    if mode in ("RGBA", "LA"):
        return faded(image, mode)
    if mode in ("I;16", "I;16B"):
        wide = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.frombytes(mode, size, wide.astype("<u2" if mode == "I;16" else ">u2").tobytes())
    if mode == "P":
        return image.quantize(16)
    if mode == "LAB":
        from PIL import ImageCms

        return ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB")
    return image.convert(mode)


def cases():
    """(name, mode, size, options of Pillow's writer) of what Pillow writes and reads again."""
    def turned(value):
        exif = Image.Exif()
        exif[0x0112] = value
        return exif

    for size, orientation in itertools.product(SIZES, range(1, 9)):
        sides = "x".join(map(str, size))
        for kind in ("jpg", "png", "webp", "avif"):
            yield f"{kind}-{sides}-orientation-{orientation}.{kind}", "RGB", size, {"exif": turned(orientation)}
        yield f"tif-{sides}-orientation-{orientation}.tif", "RGB", size, {"tiffinfo": {274: orientation}}
    for size in SIZES:
        sides = "x".join(map(str, size))
        for mode, chroma, progressive in itertools.product(("L", "RGB", "CMYK"), (0, 1, 2), (False, True)):
            name = f"jpg-{sides}-{mode}-{chroma}{'-progressive' * progressive}.jpg"
            yield name, mode, size, {"subsampling": chroma, "progressive": progressive, "quality": 92}
        yield f"jpg-{sides}-restarts.jpg", "RGB", size, {"restart_marker_blocks": 2}
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            yield f"png-{sides}-{mode}.png", mode, size, {}
        for mode, bits in itertools.product(("P",), (1, 2, 4)):
            yield f"png-{sides}-{mode}-{bits}.png", mode, size, {"bits": bits}
        yield f"png-{sides}-key-grey.png", "L", size, {"transparency": 255}
        yield f"png-{sides}-key-colour.png", "RGB", size, {"transparency": (255, 255, 255)}
        yield f"png-{sides}-key-palette.png", "P", size, {"transparency": 3}
        for mode, lossless in itertools.product(("RGB", "RGBA"), (False, True)):
            yield f"webp-{sides}-{mode}{'-lossless' * lossless}.webp", mode, size, {"lossless": lossless, "quality": 90}
        for mode, interlace in itertools.product(("1", "L", "P", "RGB"), (0, 1)):
            yield f"gif-{sides}-{mode}-{interlace}.gif", mode, size, {"interlace": interlace}
        yield f"gif-{sides}-clear.gif", "P", size, {"transparency": 3}
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            yield f"bmp-{sides}-{mode}.bmp", mode, size, {}
            if mode != "RGBA":
                yield f"dib-{sides}-{mode}.dib", mode, size, {}
        packings = [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"]
        for mode, packing in itertools.product(("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I;16B"), packings):
            yield f"tif-{sides}-{mode}-{packing}.tif", mode, size, {"compression": packing}
        for packing in ("tiff_ccitt", "group3", "group4"):
            yield f"tif-{sides}-{packing}.tif", "1", size, {"compression": packing}
        for mode in ("L", "RGB", "YCbCr", "CMYK"):
            yield f"tif-{sides}-{mode}-jpeg.tif", mode, size, {"compression": "jpeg", "quality": 92}
        yield f"tif-{sides}-big.tif", "RGB", size, {"compression": "tiff_lzw", "big_tiff": True}
        yield f"tif-{sides}-strips.tif", "RGB", size, {"compression": "tiff_adobe_deflate", "strip_size": 61 * 3 * 5}
        for chroma in ("4:0:0", "4:2:0", "4:2:2", "4:4:4"):
            yield f"avif-{sides}-{chroma.replace(':', '')}.avif", "RGB", size, {"subsampling": chroma, "quality": 90, "range": "full"}
        yield f"avif-{sides}-alpha.avif", "RGBA", size, {"quality": 90}
    for packing in ("png", "bmp"):
        yield f"ico-{packing}.ico", "RGBA", (48, 48), {"bitmap_format": packing, "sizes": [(16, 16), (48, 48)]}


GENERATED = {name: (mode, size, options) for name, mode, size, options in cases()}
OURS = sorted(path.name for path in TESTDATA.iterdir() if path.suffix not in (".svg", ".heic", ".jxl"))

# Pattern of a name, and the peer that is not asked about it, and why.
PILLOW_ONLY = "Pillow"
NOT_ASKED = {
}


@pytest.fixture(scope="module")
def developed(tmp_path_factory):
    """What `minilab develop` says of each file and made of it: one process for all of them."""
    folder, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("developed")
    for name, (mode, size, options) in GENERATED.items():
        in_mode(mode, size).save(folder / name, **options)
    for name in OURS:
        # Results are called by the stem, which not all have alone.
        kind = name.rsplit(".", 1)[1]
        shutil.copy(TESTDATA / name, folder / f"{name}.{kind}")
    # Folders are not searched for .dib, so that those are named.
    command = [binary(), "develop", folder, *folder.glob("*.dib"), "--out", out, "--format", "png", "--still", "--force", "--json"]
    environment = clean_environment(XDG_CACHE_HOME=str(out / "cache"))
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200)
    assert ended.returncode in (0, 1), ended.stderr
    lines = map(json.loads, ended.stdout.splitlines())
    return {line["file"].rsplit("/", 1)[1]: line for line in lines}, folder


def check(developed, name):
    lines, folder = developed
    line, file = lines[name], folder / name
    theirs = {"Pillow": peers.pillow(file)[1], "libvips": peers.vips(file)}
    error = line.get("error", "")
    if "no decoder for it" in error or not isinstance(theirs["Pillow"], np.ndarray):
        # A feature that the binary was built without, or a file that is meant to be refused.
        return 0
    assert not error
    with Image.open(line["outputs"][0]) as image:
        ours = peers.srgb(image)
    asked = {peer: picture for peer, picture in theirs.items() if isinstance(picture, np.ndarray)}
    differences = {peer: peers.difference(ours, picture) for peer, picture in asked.items()}
    assert not any(differences.values()), differences
    return len(asked)


@pytest.mark.parametrize("name", GENERATED)
def test_what_pillow_writes_looks_the_same(developed, name):
    check(developed, name)


@pytest.mark.parametrize("name", OURS)
def test_our_own_files_look_the_same(developed, name):
    check(developed, f"{name}.{name.rsplit('.', 1)[1]}")
