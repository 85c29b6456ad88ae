#!/usr/bin/env python3
"""Every photo of Debian's wallpaper packages through `minilab serve`: all processed, none lost.

Uploads each JPEG, PNG and WebP that `bench/photos.sh` fetched, eight at a time, waits until every record is there, checks
records, thumbnails and statistics, and writes a contact sheet of the thumbnails (`bench/.work/real-photos/sheet.png`) for
the eye. Exit code 1 when anything is missing or wrong.

    bench/photos.sh && python bench/real_photos.py         # in the venv of bench/setup.sh
"""

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from botocore.config import Config
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "bench/.work/real-photos"
PHOTOS = ROOT / "bench/.work/photos"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
FORMATS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}
KEYS = {"MINILAB_ACCESS_KEY": "bench", "MINILAB_SECRET_KEY": "bench-secret-key"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "target/release/minilab", type=Path)
    parser.add_argument("--patience", default=300, type=float, help="seconds to wait for the last record")
    options = parser.parse_args()
    files = sorted(path for path in PHOTOS.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink())
    if not files:
        sys.exit(f"no photos below {PHOTOS}: run bench/photos.sh first")
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    process, s3_url, web_url = start(options.binary)
    try:
        problems = run(files, s3_url, web_url, options.patience, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    fsck = subprocess.run([options.binary, "fsck", "--data", WORK / "data"], capture_output=True, text=True, check=False)
    print(fsck.stdout.strip())
    problems += [] if fsck.returncode == 0 else ["fsck found something"]
    print("\n".join(problems) or f"all {len(files)} processed, none lost")
    sys.exit(1 if problems else 0)


def start(binary):
    command = [binary, "serve", "--config", ROOT / "minilab.toml", "--data", WORK / "data"]
    command += ["--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"]
    log = (WORK / "log").open("wb")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **KEYS})
    urls = {}
    for line in process.stdout:
        if line.strip() == "ready":
            return process, urls["s3"], urls["web"]
        name, _, url = line.strip().partition(" ")
        urls[name] = url
    sys.exit(f"the server did not start; see {WORK / 'log'}")


def run(files, s3_url, web_url, patience, pid):
    client = boto3.client(
        "s3", endpoint_url=s3_url, region_name="us-east-1", aws_access_key_id=KEYS["MINILAB_ACCESS_KEY"],
        aws_secret_access_key=KEYS["MINILAB_SECRET_KEY"], config=Config(s3={"addressing_style": "path"}, max_pool_connections=8),
    )  # fmt: skip
    keys = {path.relative_to(PHOTOS).as_posix(): path for path in files}
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: client.put_object(Bucket="photos", Key=item[0], Body=item[1].read_bytes()), keys.items()))
    uploaded = time.perf_counter() - began
    records = {key: record_of(web_url, key, began + patience) for key in keys}
    done = time.perf_counter() - began
    total = sum(path.stat().st_size for path in files)
    print(f"{len(files)} photos, {total / 1e6:.0f} MB: uploaded in {uploaded:.1f} s, all variants made in {done:.1f} s")
    print(f"peak memory of the server {peak_memory(pid) / 2**20:.0f} MiB")
    problems = [problem for key, path in keys.items() for problem in check(client, key, path, records[key])]
    statistics = get_json(f"{web_url}/infoimages")
    if (statistics["count"], statistics["bytes"]) != (len(files), total):
        problems.append(f"statistics are {statistics}, expected {len(files)} images of {total} bytes")
    sheet(client, records).save(WORK / "sheet.png")
    print(f"contact sheet: {(WORK / 'sheet.png').relative_to(ROOT)}")
    return problems


def record_of(web_url, key, deadline):
    while True:
        record = get_json(f"{web_url}/images/{urllib.parse.quote(key)}")
        if record["state"] != "pending" or time.perf_counter() > deadline:
            return record
        time.sleep(0.05)


def get_json(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def check(client, key, path, record):
    if record["state"] != "processed":
        return [f"{key}: {record['state']}: {record.get('failures')}"]
    with Image.open(path) as image:
        found = (record["format"], record["width"], record["height"], record["size_bytes"])
        expected = (FORMATS[image.format], *image.size, path.stat().st_size)
    problems = [] if found == expected else [f"{key}: the record says {found}, the file is {expected}"]
    for variant, box in zip(record["variants"], (128, 512, 1600), strict=True):
        body = client.get_object(Bucket=variant["bucket"], Key=variant["key"])["Body"].read()
        with Image.open(io.BytesIO(body)) as image:
            image.load()
            if image.format != "JPEG" or image.size != (variant["width"], variant["height"]) or max(image.size) > box:
                problems.append(f"{key}: variant {variant['name']} is a {image.format} of {image.size}")
    return problems


def sheet(client, records, columns=12, cell=140):
    rows = -(-len(records) // columns)
    page = Image.new("RGB", (columns * cell, rows * (cell + 14)), "#202020")
    draw = ImageDraw.Draw(page)
    for index, (key, record) in enumerate(sorted(records.items())):
        left, top = index % columns * cell, index // columns * (cell + 14)
        draw.text((left + 4, top + cell - 2), Path(key).name[:22], fill="#c0c0c0")
        if record.get("variants"):
            variant = record["variants"][0]
            body = client.get_object(Bucket=variant["bucket"], Key=variant["key"])["Body"].read()
            with Image.open(io.BytesIO(body)) as image:
                page.paste(image, (left + (cell - image.width) // 2, top + (cell - image.height) // 2))
    return page


def peak_memory(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
