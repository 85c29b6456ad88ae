"""Minilab's function and a Python handler (boto3, Pillow) beside each other, in turns, under the same runtime API and the same
moto. Prints process start → first `next`, → first thumbnail, peak memory, milliseconds per photo and what a million cost."""

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path

import boto3
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "tests/aws"), str(HERE.parent.parent / "tests/clients")]
import report  # noqa: E402
from processes import Child, clean_environment, free_port  # noqa: E402
from runtime_api import RuntimeApi  # noqa: E402
from shapes import KEYS, limits, make_table  # noqa: E402
from tls import TlsProxy  # noqa: E402

WORK = report.ROOT / "bench/.work/aws"
PHOTO = report.ROOT / "bench/.work/e2e/photo.jpg"
# Dollars for a GB-second and a million requests (AWS Lambda pricing, us-east-1, 2026-11), and the memory that comes with one
# virtual CPU, which is what a core of this machine stands for.
PRICES = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
MILLION_REQUESTS = 0.20
MEMORY_MB = 1769
EVENT_TIME = "2026-11-21T12:00:00.000Z"

RULE = {
    "name": "thumbnail",
    "bucket": "photos",
    "prefix": "input/",
    "variants": [
        {
            "name": "thumb",
            "bucket": "prints",
            "key": "output/{stem}.{ext}",
            "steps": [{"resize": {"width": 128, "height": 128, "fit": "inside"}}],
            "format": "jpeg",
            "quality": 80,
        }
    ],
}


class Aws:
    """moto, with the buckets and the table, and a record of each request that it has answered."""

    def __init__(self, directory):
        self.port = port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.answered = directory / "answered.jsonl"
        program = report.ROOT / "tests/aws/moto_app.py"
        self.child = Child([sys.executable, program, port, self.answered], directory / "moto.log").wait_for_port(port)
        keys = {name.lower(): value for name, value in KEYS.items() if name != "AWS_DEFAULT_REGION"}
        keys["region_name"] = keys.pop("aws_region")
        self.s3 = boto3.client("s3", endpoint_url=self.url, **keys)
        for bucket in ("photos", "prints"):
            self.s3.create_bucket(Bucket=bucket)
        make_table(boto3.client("dynamodb", endpoint_url=self.url, **keys), "ImageMetadata")
        self.sequencer = 0x55AED600000000

    def upload(self, body):
        """Puts a photo under a key of its own; S3's notification of it, and the thumbnail's key."""
        name = uuid.uuid4().hex
        etag = self.s3.put_object(Bucket="photos", Key=f"input/{name}.jpg", Body=body)["ETag"].strip('"')
        self.sequencer += 1
        entity = {"key": f"input/{name}.jpg", "size": len(body), "eTag": etag, "sequencer": f"{self.sequencer:018X}"}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": EVENT_TIME,
            "eventName": "ObjectCreated:Put",
            "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "photos"}, "object": entity},
        }
        return {"Records": [record]}, f"output/{name}.jpg"

    def requests(self, begin, end):
        """What was answered between two moments: service, method, path, target, begin_ns, end_ns."""
        lines = [json.loads(line) for line in self.answered.read_text().splitlines()]
        return [line for line in lines if begin <= line["end_ns"] <= end]

    def check_thumbnail(self, key):
        body = self.s3.get_object(Bucket="prints", Key=key)["Body"].read()
        with Image.open(io.BytesIO(body)) as image:
            assert image.format == "JPEG" and max(image.size) == 128, (key, image.format, image.size)


class Contestant:
    """How a function is started."""

    def __init__(self, name, command, environment):
        self.name, self.command, self.environment = name, command, environment


class Running:
    """A process of a contestant and its runtime API."""

    def __init__(self, contestant, log, first_event=None):
        self.api = RuntimeApi()
        if first_event:
            self.api.call(first_event)
        variables = {**contestant.environment, "AWS_LAMBDA_RUNTIME_API": self.api.address}
        output = open(log, "ab")
        self.started = time.monotonic_ns()
        self.process = subprocess.Popen(contestant.command, env=variables, stdout=output, stderr=output, cwd=HERE / "peer")
        output.close()

    def call(self, event):
        self.api.call(event)
        return self.api.answer()

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def cpu_ms(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.api.close()


def contestants(options, aws, directory):
    url, trusted = aws.url, {}
    if options.https:
        proxy = TlsProxy(directory, aws.port)
        url = proxy.url
        # The Python handler has its own variable. Without the directory, as in Lambda, where there is none.
        trusted = {"SSL_CERT_FILE": str(proxy.roots), "AWS_CA_BUNDLE": str(proxy.roots)}
    common = clean_environment(
        **KEYS,
        **trusted,
        AWS_ENDPOINT_URL=url,
        AWS_LAMBDA_FUNCTION_NAME="bench",
        AWS_LAMBDA_FUNCTION_VERSION="1",
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(MEMORY_MB),
        AWS_LAMBDA_LOG_GROUP_NAME="bench",
        AWS_LAMBDA_LOG_STREAM_NAME="bench",
        LAMBDA_TASK_ROOT=str(directory),
        AWS_EC2_METADATA_DISABLED="true",
    )
    common.pop("SSL_CERT_DIR", None)
    bundle = {
        "rules": [RULE],
        "notifications": [],
        "limits": limits(),
        "aws": {"tiers": [{"name": "only", "memory_mb": MEMORY_MB}]},
    }
    (directory / "minilab.json").write_text(json.dumps(bundle))
    ours = {
        **common,
        "MINILAB_FUNCTION": "process",
        "MINILAB_TABLE": "ImageMetadata",
        "MINILAB_TIER": "only",
        "MINILAB_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:none",
        "MINILAB_TIER_QUEUE_URLS": f"{url}/123456789012/only",
        "MINILAB_DEAD_LETTER_QUEUE_URL": f"{url}/123456789012/dead",
        "MINILAB_BUNDLE": str(directory / "minilab.json"),
    }
    peer = {**common, "DESTINATION": "prints", "LAMBDA_TASK_ROOT": str(HERE / "peer"), "_HANDLER": "handler.thumbnail"}
    command = [sys.executable, "-m", "awslambdaric", "handler.thumbnail"]
    return [Contestant("python", command, peer), Contestant("minilab", [options.bootstrap], ours)]


def cold(contestant, aws, body, log):
    """Milliseconds from the start of a process to its first `next`, to the thumbnail in the bucket, to the answer."""
    event, target = aws.upload(body)
    running = Running(contestant, log, event)
    try:
        answer = running.api.answer()
        stored = [line["end_ns"] for line in aws.requests(running.started, answer.answered) if line["path"].endswith(target)]
        aws.check_thumbnail(target)
        moments = (running.api.first_next, min(stored), answer.answered)
        return [(moment - running.started) / 1e6 for moment in moments]
    finally:
        running.close()


def peak(contestant, aws, body, log):
    """Peak resident memory of a process that has made one thumbnail, in MiB."""
    event, target = aws.upload(body)
    running = Running(contestant, log)
    try:
        running.call(event)
        aws.check_thumbnail(target)
        return running.peak_mib()
    finally:
        running.close()


def waiting_ms(requests):
    """For how long at least one of the requests was being answered."""
    total, until = 0, 0
    for request in sorted(requests, key=lambda request: request["begin_ns"]):
        total += max(0, request["end_ns"] - max(until, request["begin_ns"]))
        until = max(until, request["end_ns"])
    return total / 1e6


def warm(running, aws, body, count):
    """Of `count` calls: milliseconds each, milliseconds of each without AWS's, CPU milliseconds of all, requests of all."""
    durations, own, cpu, requests = [], [], running.cpu_ms(), 0
    for _ in range(count):
        event, target = aws.upload(body)
        answer = running.call(event)
        durations.append((answer.answered - answer.given) / 1e6)
        # Only the function calls while it works.
        made = aws.requests(answer.given, answer.answered)
        own.append(durations[-1] - waiting_ms(made))
        requests += len(made)
        aws.check_thumbnail(target)
    return durations, own, running.cpu_ms() - cpu, requests


def resized(width, height, quality=85):
    """The photo at another size, as JPEG."""
    out = io.BytesIO()
    with Image.open(PHOTO) as image:
        image.resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", quality=quality)
    return out.getvalue()


def zip_mib(*files):
    """What the files take in a zip, in MiB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files:
            archive.write(file, str(file))
    return len(out.getvalue()) / 2**20


def peer_files():
    """The peer's zip: its handler, Pillow and what Pillow links. boto3 is part of Lambda's Python."""
    packages = Path(sys.modules["PIL"].__file__).parent.parent
    folders = [packages / "PIL", packages / "pillow.libs"]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return [HERE / "peer/handler.py", *found]


def dollars(milliseconds, architecture):
    return milliseconds * 1000 * MEMORY_MB / 1024 * PRICES[architecture] + MILLION_REQUESTS


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True, help="the function's binary")
    parser.add_argument("--starts", type=int, default=25, help="cold starts of each (default: 25)")
    parser.add_argument("--photos", type=int, default=20, help="warm photos of each (default: 20)")
    parser.add_argument("--https", action="store_true", help="with TLS between the functions and moto")
    options = parser.parse_args()
    options.bootstrap = str(Path(options.bootstrap).resolve())
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    aws = Aws(WORK)
    try:
        results = measure(options, aws)
    finally:
        aws.child.stop()
    show(results)
    out = WORK / "result.json"
    out.write_text(json.dumps(results, indent=1))
    print(report.shown(str(out)))


def measure(options, aws):
    versions = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True, text=True
    ).stdout
    installed = {entry["name"].lower(): entry["version"] for entry in json.loads(versions)}
    names = ("boto3", "pillow", "awslambdaric", "moto")
    facts = report.heading({**{name: installed[name] for name in names}, "python": sys.version.split()[0]})
    report.print_heading(facts)
    both = contestants(options, aws, WORK)
    photo, twelve, twenty_four = PHOTO.read_bytes(), resized(4000, 3000), resized(6000, 4000)
    figures = {contestant.name: {} for contestant in both}
    log = {contestant.name: WORK / f"{contestant.name}.log" for contestant in both}

    # One each before it counts: files come into the page cache, Python writes its bytecode.
    starts = {contestant.name: [] for contestant in both}
    for turn in range(options.starts + 1):
        for contestant in both if turn % 2 else reversed(both):
            moments = cold(contestant, aws, photo, log[contestant.name])
            if turn:
                starts[contestant.name].append(moments)
    for name, rows in starts.items():
        for index, figure in enumerate(("next_ms", "thumbnail_ms", "answer_ms")):
            figures[name][figure] = statistics.median(row[index] for row in rows)
            figures[name][f"worst_{figure}"] = max(row[index] for row in rows)

    for contestant in both:
        peaks = [peak(contestant, aws, twenty_four, log[contestant.name]) for _ in range(3)]
        figures[contestant.name]["peak_mib"] = statistics.median(peaks)

    running = {contestant.name: Running(contestant, log[contestant.name]) for contestant in both}
    warmed = {name: ([], [], 0, 0) for name in running}
    try:
        for name, process in running.items():
            warm(process, aws, twelve, 2)
        for _ in range(options.photos // 5):
            for name, process in running.items():
                figures_now = warm(process, aws, twelve, 5)
                warmed[name] = tuple(before + now for before, now in zip(warmed[name], figures_now))
    finally:
        for process in running.values():
            process.close()
    for name, (durations, own, cpu, requests) in warmed.items():
        figures[name]["warm_ms"] = statistics.median(durations)
        figures[name]["warm_own_ms"] = statistics.median(own)
        figures[name]["warm_cpu_ms"] = cpu / len(durations)
        figures[name]["warm_requests"] = requests / len(durations)
        for architecture in PRICES:
            figures[name][f"dollars_{architecture}"] = dollars(figures[name]["warm_ms"], architecture)
            figures[name][f"own_dollars_{architecture}"] = dollars(figures[name]["warm_own_ms"], architecture)

    figures["minilab"]["zip_mib"] = zip_mib(options.bootstrap, WORK / "minilab.json")
    figures["python"]["zip_mib"] = zip_mib(*peer_files())
    return {**facts, "starts": options.starts, "photos": options.photos, "figures": figures}


def show(results):
    peer, ours = results["figures"]["python"], results["figures"]["minilab"]
    rows = [
        ("process start → first `next`, ms, median", "next_ms"),
        ("… worst", "worst_next_ms"),
        ("process start → first thumbnail of 2725×2225 stored, ms, median", "thumbnail_ms"),
        ("… worst", "worst_thumbnail_ms"),
        ("process start → first answer, ms, median", "answer_ms"),
        ("peak memory with 24 megapixels, MiB", "peak_mib"),
        ("zip, MiB", "zip_mib"),
        ("12 megapixels warm, ms, median", "warm_ms"),
        ("… without the time in which moto answers, ms, median", "warm_own_ms"),
        ("… CPU, ms, mean", "warm_cpu_ms"),
        ("… requests to AWS", "warm_requests"),
        (f"a million of them at {MEMORY_MB} MB, arm64, $", "dollars_arm64"),
        ("… x86_64, $", "dollars_x86_64"),
        ("… arm64, without moto's time, $", "own_dollars_arm64"),
        ("… x86_64, without moto's time, $", "own_dollars_x86_64"),
    ]
    table = [
        (title, report.figure(peer[name], 2), report.figure(ours[name], 2), report.ratio(peer[name], ours[name]))
        for title, name in rows
    ]
    report.print_table(["", "python", "minilab", "minilab is better by"], table)


if __name__ == "__main__":
    main()
