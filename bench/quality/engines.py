"""The engines: each makes a picture inside SIZE × SIZE of a file, as JPEG of a quality or as PNG, and gives its bytes."""

import io
import json
import os
import subprocess

from PIL import Image

Image.MAX_IMAGE_PIXELS = None


class Minilab:
    """`minilab develop`."""

    name = "minilab"

    def __init__(self, binary, scratch):
        self.binary, self.scratch = binary, scratch

    def picture(self, file, size, quality=None):
        out = self.scratch / "minilab"
        kind = "png" if quality is None else "jpeg"
        command = [self.binary, "develop", file, "--out", out, "--size", str(size), "--format", kind, "--jobs", "1", "--force", "--json"]
        command += [] if quality is None else ["--quality", str(quality)]
        env = {**os.environ, "XDG_CACHE_HOME": str(self.scratch / "cache")}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        with open(json.loads(done.stdout)["outputs"][0], "rb") as made:
            return made.read()


class Sharp:
    """sharp with its defaults: Lanczos-3, libjpeg shrinks while it decodes, Huffman tables of the file's own."""

    name = "sharp"

    def __init__(self, script, modules, scratch):
        self.out = scratch / "sharp"
        env = {**os.environ, "NODE_PATH": str(modules), "VIPS_CONCURRENCY": "1"}
        self.process = subprocess.Popen(["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def picture(self, file, size, quality=None):
        kind = "png" if quality is None else "jpeg"
        task = {"file": str(file), "size": size, "format": kind, "quality": quality, "out": str(self.out)}
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise RuntimeError(f"sharp ended at {task}")
        return self.out.read_bytes()


class Pillow:
    """Pillow's `thumbnail` with Lanczos-3; with `draft` libjpeg shrinks while it decodes, else every pixel is decoded."""

    def __init__(self, draft):
        self.draft = draft
        self.name = "Pillow, draft" if draft else "Pillow, whole"
        self.last = (None, None)

    def picture(self, file, size, quality=None):
        if self.last[0] != (file, size):
            image = Image.open(file)
            if self.draft:
                image.thumbnail((size, size), Image.Resampling.LANCZOS)  # calls draft
            else:
                image.load()
                image.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=None)
            self.last = ((file, size), image)
        out = io.BytesIO()
        if quality is None:
            self.last[1].save(out, "PNG")
        else:
            self.last[1].save(out, "JPEG", quality=quality)
        return out.getvalue()
