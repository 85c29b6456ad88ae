"""SSIMULACRA 2 of a JPEG or PNG file against the reference of its size."""

import io
import subprocess
import sys

import numpy as np
from PIL import Image

from reference import linear_light, resized


class Scorer:
    """The Rust program beside this, which scores with the crate `ssimulacra2`."""

    def __init__(self, program, scratch):
        self.paths = scratch / "reference", scratch / "picture"
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def score(self, reference, pixels):
        height, width = reference.shape[:2]
        for path, picture in zip(self.paths, (reference, pixels)):
            path.write_bytes(linear_light(picture))
        self.process.stdin.write("\t".join(map(str, (width, height, *self.paths))) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def check(self):
        """Equal pictures have 100 points, damaged ones fewer, more damaged ones fewer still."""
        ramp = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3)
        noise = np.random.default_rng(1).normal(size=ramp.shape)
        scores = [self.score(ramp, np.clip(ramp + noise * sigma, 0, 255)) for sigma in (0, 2, 10)]
        if abs(scores[0] - 100) > 1e-3 or not scores[0] > scores[1] > scores[2]:
            sys.exit(f"the scorer is wrong: {scores} for equal pictures and for more and more noise")


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


class References:
    """References of a source by size; with `cache`, a directory, they stay for the next run."""

    def __init__(self, file, cache=None):
        self.file, self.cache, self.pixels, self.made = file, cache, None, {}

    def of(self, width, height):
        if (width, height) not in self.made:
            self.made[(width, height)] = self.kept(width, height)
        return self.made[(width, height)]

    def kept(self, width, height):
        path = self.cache and self.cache / f"{self.file.stem}-{self.file.stat().st_size}-{width}x{height}.npy"
        if path and path.exists():
            return np.load(path).astype(np.float64)
        if self.pixels is None:
            self.pixels = decoded(self.file.read_bytes())
        made = resized(self.pixels, width, height)
        if path:
            self.cache.mkdir(parents=True, exist_ok=True)
            np.save(path, made.astype(np.float32))
        return made


def scored(scorer, references, data):
    pixels = decoded(data)
    return scorer.score(references.of(pixels.shape[1], pixels.shape[0]), pixels)
