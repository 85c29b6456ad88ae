#!/usr/bin/env python3
"""Minilab, Pillow and libvips on the test images of other people's libraries: what opens, what is refused, what differs.

    python bench/corpora/run.py DIR…      folders of images; see bench/README.md for where they come from

Every file goes through `minilab develop --format png` in a process of its own, under a wall of 2 GiB and 30 s. It must end
processed, or refused with a reason: a signal, a panic, a timeout or another exit code is a failure. What Pillow and
libvips open as well is compared: size after orientation, whether there is transparency, and colour (mean CIE76 over the
image, both in sRGB). Needs numpy, Pillow and pyvips (bench/setup.sh engine installs them).
"""

import argparse
import collections
import concurrent.futures
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

try:
    import pyvips
except (ImportError, OSError):
    pyvips = None

ROOT = Path(__file__).resolve().parents[2]
# Formats that Minilab reads; by Pillow's names.
SUPPORTED = {"JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "DIB", "ICO", "MPO"}
NOT_IMAGES = {".rs", ".toml", ".md", ".py", ".txt", ".js", ".json", ".html", ".ttf", ".otf", ".yml", ".gpl", ".lock", ".xml", ".icc"}
WALL_BYTES, WALL_SECONDS = 2 << 30, 30
MAX_DELTA_E = 2.0

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")


def develop(minilab, file, out):
    """(outcome, reason, peak bytes, path of the PNG)."""
    def walls():
        resource.setrlimit(resource.RLIMIT_AS, (WALL_BYTES, WALL_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (WALL_SECONDS, WALL_SECONDS))

    command = [minilab, "develop", str(file), "--out", str(out), "--format", "png", "--still", "--jobs", "1", "--force", "--json"]
    env = {**os.environ, "XDG_CACHE_HOME": str(out / "cache"), "RUST_BACKTRACE": "0"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=walls, env=env)
    try:
        stdout, stderr = child.communicate(timeout=WALL_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return "timed out", "", 0, None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    if child.returncode not in (0, 1):
        return "crashed", f"exit {child.returncode}: {stderr.decode(errors='replace')[-300:]}", peak, None
    line = json.loads(stdout or b"{}")
    if child.returncode == 0:
        return "processed", "", peak, Path(line["outputs"][0])
    reason = line.get("error", stderr.decode(errors="replace"))
    return ("panicked" if "broke the decoder" in reason else "refused"), reason, peak, None


def srgb(image):
    """A Pillow image as 8-bit RGBA in sRGB, upright."""
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).round().clip(0, 255).astype(np.uint8), "L")
    alpha = None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            base = image.convert("RGB") if image.mode == "RGBA" else image
            image = ImageCms.profileToProfile(base, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass
    image = image.convert("RGB")
    image.putalpha(alpha or 255)
    return np.asarray(image)


def lab(rgba):
    """CIE Lab (D65) of sRGB laid on white."""
    alpha = rgba[..., 3:] / 255.0
    value = rgba[..., :3] / 255.0 * alpha + 1 - alpha
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = light @ np.array([[0.4124564, 0.2126729, 0.0193339], [0.3575761, 0.7151522, 0.1191920], [0.1804375, 0.0721750, 0.9503041]])
    xyz /= np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def difference(ours, theirs):
    """What differs, in words; None when nothing does."""
    if ours.shape != theirs.shape:
        return f"size {ours.shape[1]}×{ours.shape[0]}, theirs {theirs.shape[1]}×{theirs.shape[0]}"
    see_through = [bool((picture[..., 3] < 255).any()) for picture in (ours, theirs)]
    if see_through[0] != see_through[1]:
        return f"transparency {see_through[0]}, theirs {see_through[1]}"
    step = max(1, int((ours.shape[0] * ours.shape[1] / 400_000) ** 0.5))
    distance = np.sqrt(((lab(ours[::step, ::step]) - lab(theirs[::step, ::step])) ** 2).sum(axis=-1)).mean()
    return f"ΔE {distance:.2f}" if distance > MAX_DELTA_E else None


def pillow(file):
    """(format, RGBA) as Pillow sees it, or (format or None, reason)."""
    name = None
    try:
        with Image.open(file) as image:
            name = image.format
            if image.width * image.height > 100_000_000:
                return name, "larger than the limit"
            image.load()
            return name, srgb(image)
    except Exception as error:  # Pillow raises whatever its plugins do.
        return name, f"{type(error).__name__}: {error}"


def vips(file):
    """RGBA as libvips sees it, or a reason."""
    try:
        image = pyvips.Image.new_from_file(str(file), access="sequential", fail_on="error").autorot()
        if image.width * image.height > 100_000_000:
            return "larger than the limit"
        if image.get_typeof("icc-profile-data"):
            image = image.icc_transform("srgb")
        image = image.colourspace("srgb")
        image = image if image.hasalpha() else image.bandjoin(255)
        return np.ndarray(buffer=image.cast("uchar").write_to_memory(), dtype=np.uint8, shape=(image.height, image.width, image.bands))[..., :4]
    except pyvips.Error as error:
        return str(error).splitlines()[0]


def examine(minilab, file):
    with tempfile.TemporaryDirectory() as folder:
        outcome, reason, peak, png = develop(minilab, file, Path(folder))
        found = {"file": str(file), "outcome": outcome, "reason": reason, "peak": peak, "differences": {}}
        name, theirs = pillow(file)
        found["pillow"], found["pillow_opens"] = name, isinstance(theirs, np.ndarray)
        if png:
            with Image.open(png) as image:
                ours = srgb(image)
            if found["pillow_opens"]:
                found["differences"]["Pillow"] = difference(ours, theirs)
            if pyvips:
                theirs = vips(file)
                if isinstance(theirs, np.ndarray) and theirs.shape[-1] == 4:
                    found["differences"]["libvips"] = difference(ours, theirs)
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--minilab", default=str(ROOT / "target/release/minilab"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path, help="write every finding here, one a line")
    options = parser.parse_args()
    bad = 0
    findings = []
    for folder in options.folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() not in NOT_IMAGES)
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            found = list(pool.map(examine, [options.minilab] * len(files), files, chunksize=4))
        findings += [{**one, "corpus": folder.name} for one in found]
        outcomes = collections.Counter(one["outcome"] for one in found)
        print(f"{folder.name}: {len(files)} files, " + ", ".join(f"{count} {name}" for name, count in outcomes.most_common()))
        for one in found:
            shown = Path(one["file"]).relative_to(folder)
            if one["outcome"] not in ("processed", "refused"):
                bad += 1
                print(f"  {one['outcome']}: {shown}: {one['reason']}")
            if one["outcome"] == "refused" and one["pillow_opens"] and one["pillow"] in SUPPORTED:
                print(f"  Pillow opens it ({one['pillow']}): {shown}: {one['reason']}")
            for peer, what in one["differences"].items():
                if what:
                    print(f"  differs from {peer}: {shown}: {what}")
    for peer in ("Pillow", "libvips"):
        compared = [one["differences"][peer] for one in findings if peer in one["differences"]]
        print(f"beside {peer}: {len(compared)} compared, {sum(what is not None for what in compared)} differ")
    print(f"highest memory of one file: {max((one['peak'] for one in findings), default=0) / 1e6:.0f} MB")
    if options.json:
        options.json.write_text("".join(json.dumps(one) + "\n" for one in findings))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
