"""The photographs whose quality is scored, and copies of JPEG files without what the engines treat differently."""

LOMIRI = "lomiri-wallpapers-20.04/usr/share/backgrounds"
PLASMA = "plasma-workspace-wallpapers/usr/share/wallpapers"
# Photographs (the other wallpapers are drawn); below the photos directory.
PHOTOS = [
    f"{LOMIRI}/Kleiber_by_Lukas_Baubkus.jpg",
    f"{PLASMA}/BytheWater/contents/images/2560x1600.jpg",
    f"{PLASMA}/ColdRipple/contents/images/2560x1600.jpg",
    f"{PLASMA}/ColorfulCups/contents/images/2560x1600.jpg",
    f"{PLASMA}/EveningGlow/contents/images/2560x1600.jpg",
    f"{PLASMA}/FallenLeaf/contents/images/2560x1600.jpg",
    f"{PLASMA}/Grey/contents/images/2560x1600.jpg",
    f"{PLASMA}/Kite/contents/images/2560x1600.jpg",
    f"{PLASMA}/OneStandsOut/contents/images/2560x1600.jpg",
    f"{PLASMA}/Path/contents/images/2560x1600.jpg",
    f"{PLASMA}/Volna/contents/images/5120x2880.jpg",
    f"{PLASMA}/summer_1am/contents/images/2560x1600.jpg",
    f"{PLASMA}/DarkestHour/contents/images/2560x1600.jpg",
    f"{LOMIRI}/Infinite-Sea_by_Aury88.jpg",
]


def label(path):
    return path.parents[2].name if path.parent.name == "images" else path.stem.split("_")[0]


def without_segments(file, target, markers):
    """A copy of a JPEG without the segments of these markers before its first scan: 0xE1 for EXIF and XMP, 0xE2 for ICC profiles."""
    data, out, at = file.read_bytes(), bytearray(b"\xff\xd8"), 2
    while data[at + 1] != 0xDA:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in markers:
            out += data[at : at + length]
        at += length
    target.write_bytes(bytes(out) + data[at:])
    return target
