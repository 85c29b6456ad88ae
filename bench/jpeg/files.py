"""The files that are measured: each photo as a baseline and as a progressive JPEG, without profile and EXIF.

The engines treat profiles and orientation differently, so both are taken out beforehand. A photo stays byte for byte what its
author's program wrote in the kind that it came in; the other kind is made of the same coefficients by `jpegtran`.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from photographs import without_segments

# Below the work directory; the first packages are those of every benchmark.
FOLDERS = ["photos", "jpeg/photos"]
PACKAGES = ["mate-backgrounds", "lomiri-wallpapers-16.04", "lxqt-themes"]
# Smaller ones are pictures for telephones and previews.
LEAST_PIXELS = 1_900_000
# Other sizes of a picture that is there.
DOUBLE = ["Honeywave/contents/images/1080x1920.jpg", "SafeLanding/contents/images/1622x2880.jpg", "Elephants.jpg", "Elephants_5640x3172.jpg"]
# Those of the first measurements: they are in every job.
NAMED = ["2004default", "Kleiber", "firstgeneration", "string", "photo", "Infinite-Sea", "rhythm"]
QUICK = ["Kleiber", "photo", "string", "Infinite-Sea", "FallenLeaf"]
KINDS = {"baseline": [], "progressive": ["-progressive"]}


@dataclass
class Photo:
    name: str
    width: int
    height: int
    sampling: str
    kind: str
    paths: dict[str, Path]
    # Whether its turn in a job that takes every second photo comes now.
    even: bool

    def bytes(self, kind):
        return self.paths[kind].stat().st_size


def frame(data):
    """(kind, width, height, sampling factors) of a JPEG, or None when its frame is of another kind."""
    at = 2
    while data[at + 1] != 0xDA:
        marker, length = data[at + 1], 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC2):
            height, width = (int.from_bytes(data[at + offset : at + offset + 2], "big") for offset in (5, 7))
            factors = [f"{data[at + 11 + 3 * index]:x}" for index in range(data[at + 9])]
            return "baseline" if marker == 0xC0 else "progressive", width, height, " ".join("×".join(factor) for factor in factors)
        at += length
    return None


def name_of(path, taken):
    """A short name that no other photo has."""
    if path.parent.name.startswith("images"):
        name = path.parents[2].name + path.parent.name.removeprefix("images").replace("_", " ")
    else:
        name = path.stem.split("_by_")[0]
    return name if name not in taken else f"{name} {path.stem.split('_')[-1]}"


def originals(work):
    found = [work / "e2e/photo.jpg"]
    for folder in FOLDERS:
        found += sorted(path for path in (work / folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg") and path.is_file())
    return [path for path in found if not path.is_symlink() and not path.as_posix().endswith(tuple(f"/{end}" for end in DOUBLE))]


def photos(work, quick=False):
    """All photos, made where they are missing."""
    made = {}
    for path in originals(work):
        data = path.read_bytes()
        facts = frame(data) if data[:2] == b"\xff\xd8" else None
        if facts is None or facts[1] * facts[2] < LEAST_PIXELS:
            continue
        name = name_of(path, made)
        kind, width, height, sampling = facts
        paths = {other: work / f"jpeg/files/{other}/{name}.jpg" for other in KINDS}
        made[name] = Photo(name, width, height, sampling, kind, paths, even=len(made) % 2 == 0)
        if not quick or name in QUICK:
            write(made[name], path)
    return [photo for name, photo in made.items() if not quick or name in QUICK]


def write(photo, source):
    for kind, options in KINDS.items():
        target = photo.paths[kind]
        if target.exists() and frame(target.read_bytes())[:3] == (kind, photo.width, photo.height):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".part")
        if kind == photo.kind:
            without_segments(source, unfinished, {0xE1, 0xE2})
        else:
            subprocess.run(["jpegtran", "-copy", "none", *options, "-outfile", unfinished, source], check=True)
        unfinished.rename(target)
