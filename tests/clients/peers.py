"""Images as Pillow and libvips show them, and how two of them differ."""

import io
import warnings

import numpy as np
from PIL import Image, ImageCms, ImageOps

import pyvips

MAX_DELTA_E = 2.0
MAX_PIXELS = 100_000_000

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")


def srgb(image):
    """A Pillow image as 8-bit RGBA in sRGB, upright."""
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        image = Image.fromarray((np.asarray(image, dtype=np.float64) / 257).round().clip(0, 255).astype(np.uint8), "L")
    if image.mode == "LAB":
        image = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB")
        profile = None
    alpha = None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            base = image.convert("RGB") if image.mode == "RGBA" else image
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            image = ImageCms.profileToProfile(base, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            pass
    image = image.convert("RGB")
    image.putalpha(alpha or 255)
    return np.asarray(image)


def pillow(file):
    """(format, RGBA) as Pillow sees it, or (format or None, reason)."""
    name = None
    try:
        with Image.open(file) as image:
            name = image.format
            if image.width * image.height > MAX_PIXELS:
                return name, "larger than the limit"
            image.load()
            return name, srgb(image)
    except Exception as error:  # Pillow raises whatever its plugins do.
        return name, f"{type(error).__name__}: {error}"


def vips(file):
    """RGBA as libvips sees it, or a reason why not."""
    try:
        image = pyvips.Image.new_from_file(str(file), access="sequential", fail_on="error").autorot()
        if image.width * image.height > MAX_PIXELS:
            return "larger than the limit"
        if image.get_typeof("icc-profile-data"):
            image = image.icc_transform("srgb")
        elif image.interpretation == "cmyk":
            return "CMYK without a profile: libvips takes one of its own for it"
        image = image.colourspace("srgb")
        image = image if image.hasalpha() else image.bandjoin(255)
        if image.bands != 4:
            return f"{image.bands} channels"
        data = image.cast("uchar").write_to_memory()
        return np.ndarray(buffer=data, dtype=np.uint8, shape=(image.height, image.width, 4))
    except pyvips.Error as error:
        return str(error).splitlines()[0]


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
