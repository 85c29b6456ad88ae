#!/usr/bin/env python3
"""One poisonous image among 999 good ones: what does it cost the others?

Uploads photos to a fresh `minilab serve` from several clients, each of which waits until its photo is processed before it
sends the next: once without poison (the baseline) and once for every kind of it, which a client of its own puts in when a
tenth of the photos is done. Prints the median and the 99th percentile of the good ones (from before the PUT to the record
that says `processed`), the ratio to the baseline, and how the poison ended. Exit code 1 when a good one was lost, when the
poison is not among the dead letters, or when a 99th percentile is more than twice the baseline's.

    python bench/poison.py                     # in the venv of bench/setup.sh; an otherwise idle machine
    python bench/poison.py --worker-program P  # P: a worker that loops on `POISON-LOOP`: the test program of the worker processes

Kinds: `damaged` (a JPEG that ends in the middle), `too-large` (a header that claims 2.5 gigapixels), `bomb` (100
megapixels in 300 KB, which are decoded, in the large lane: it is slow, not dead). With --worker-program also `hostile`.
"""

import argparse
import io
import os
import platform
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "bench/.work/poison"
KEYS = {"MINILAB_ACCESS_KEY": "bench", "MINILAB_SECRET_KEY": "bench-secret-key"}
CONFIGURATION = """
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}.thumb.{ext}"
steps = [{ resize = { width = 128, height = 128 } }]
format = "jpeg"
"""


def jpeg(width, height):
    grain = Image.effect_noise((width, height), 60)
    gradient = Image.linear_gradient("L").resize((width, height))
    out = io.BytesIO()
    Image.merge("RGB", [gradient, grain, gradient.rotate(180)]).save(out, "JPEG", quality=85)
    return out.getvalue()


def tagged(photo, text):
    note = text.encode()
    return photo[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + photo[2:]


def png(width, height, rows):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb():
    pack, rows = zlib.compressobj(9), bytearray()
    for _ in range(10_000):
        rows += pack.compress(bytes(1 + 3 * 10_000))
    return png(10_000, 10_000, bytes(rows + pack.flush()))


class Server:
    def __init__(self, options, name):
        self.directory = WORK / name
        self.directory.mkdir(parents=True)
        (self.directory / "minilab.toml").write_text(CONFIGURATION)
        command = [options.binary, "serve", "--config", "minilab.toml", "--data", "data"]
        command += ["--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"]
        if options.worker_program:
            command += ["--worker-program", options.worker_program]
        log = open(self.directory / "log", "wb")
        environment = {**os.environ, **KEYS}
        self.process = subprocess.Popen(
            command, cwd=self.directory, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        addresses = {}
        for line in self.process.stdout:
            name, _, address = line.strip().partition(" ")
            if name == "ready":
                break
            addresses[name] = address
        self.s3_url, self.web_url = addresses["s3"], addresses["web"]

    def s3(self):
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.s3_url,
            region_name="us-east-1",
            aws_access_key_id=KEYS["MINILAB_ACCESS_KEY"],
            aws_secret_access_key=KEYS["MINILAB_SECRET_KEY"],
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def state(self, key):
        try:
            with urllib.request.urlopen(f"{self.web_url}/images/{key}") as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        return next((state for state in ("processed", "failed") if f'"state":"{state}"' in text.replace(" ", "")), "pending")

    def wait(self, key, states, patience):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            state = self.state(key)
            if state in states:
                return state
            time.sleep(0.002)
        return "nothing after a while"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)


def run(options, photo, name, poison):
    """(seconds of each good photo, what became of the poison)"""
    server = Server(options, name)
    seconds, lost, fate = [], [], []
    started = threading.Event()

    def good(s3, number):
        began = time.perf_counter()
        key = f"good-{number}.jpg"
        s3.put_object(Bucket="photos", Key=key, Body=tagged(photo, f"{name} {number}"))
        if server.wait(key, {"processed"}, options.patience) != "processed":
            lost.append(key)
        seconds.append(time.perf_counter() - began)
        if len(seconds) >= options.photos // 10:
            started.set()

    def client(first):
        s3 = server.s3()
        for number in range(first, options.photos, options.clients):
            good(s3, number)

    def villain():
        started.wait()
        server.s3().put_object(Bucket="photos", Key="poison", Body=poison)
        fate.append(server.wait("poison", {"processed", "failed"}, options.patience))

    with ThreadPoolExecutor(options.clients + 1) as pool:
        tasks = [pool.submit(client, first) for first in range(options.clients)]
        tasks += [pool.submit(villain)] if poison else []
        for task in tasks:
            task.result()
    code = server.stop()
    if lost or code != 0:
        sys.exit(f"{name}: {len(lost)} good photos were lost, exit code {code}")
    return seconds, fate[0] if fate else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target/release/minilab", type=Path)
    parser.add_argument("--worker-program", type=Path)
    parser.add_argument("--photos", default=999, type=int)
    parser.add_argument("--clients", default=4, type=int)
    parser.add_argument("--patience", default=300, type=float, help="seconds to wait for one image")
    options = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    photo = jpeg(1600, 1200)
    poisons = {
        "damaged": (photo[: len(photo) // 2], "failed"),
        "too-large": (png(50_000, 50_000, zlib.compress(bytes(4096))), "failed"),
        "bomb": (bomb(), "processed"),
    }
    if options.worker_program:
        poisons["hostile"] = (tagged(photo, "POISON-LOOP"), "failed")
    print(f"{platform.node()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.strftime('%F')}")
    print(f"{options.photos} photos of {len(photo) // 1000} kB, {options.clients} clients: {' '.join(sys.argv)}")
    print(f"{'poison':12} {'p50 ms':>8} {'p99 ms':>8} {'ratio':>6}  the poison")
    baseline, bad = None, []
    for name, (poison, expected) in {"none": (None, "-"), **poisons}.items():
        seconds, fate = run(options, photo, name, poison)
        p50, p99 = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
        baseline = baseline or p99
        print(f"{name:12} {p50 * 1e3:8.1f} {p99 * 1e3:8.1f} {p99 / baseline:6.2f}  {fate}", flush=True)
        if fate != expected:
            bad.append(f"{name}: the poison ended as `{fate}` instead of `{expected}`")
        if p99 > 2 * baseline:
            bad.append(f"{name}: the 99th percentile is {p99 / baseline:.1f} times the baseline's")
    print("\n".join(bad) or "all as promised")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
