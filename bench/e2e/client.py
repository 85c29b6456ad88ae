"""The load: processes that PUT a photo, then ask until its thumbnail is there. The same for every server.

Uploads go through boto3. Asking is a HEAD on a URL presigned beforehand, over one kept-alive connection,
because a boto3 call costs more processor time than either server spends on the answer and would be
measured instead of them.
"""

import http.client
import multiprocessing
import struct
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

BUCKET = "local-bucket"


@dataclass
class Load:
    """One phase against one server."""

    endpoint: str
    access_key: str
    secret_key: str
    photo: bytes
    label: str  # makes keys unique over the whole run
    concurrency: int
    images_per_worker: int
    warm_up_per_worker: int
    poll_seconds: float
    timeout_seconds: float


@dataclass
class Outcome:
    wall_seconds: float
    latencies_ms: list = field(default_factory=list)
    put_ms: list = field(default_factory=list)
    polls: int = 0
    failed_polls: int = 0  # answered 5xx, warm-up included
    thumbnails: list = field(default_factory=list)  # every key that should exist, warm-up included
    timed_out: list = field(default_factory=list)
    errors: list = field(default_factory=list)


def connect(endpoint, access_key, secret_key):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 1},
            # s3rver, the peer's store, knows no checksum trailers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def unique(photo, text):
    """The photo with a comment segment after SOI: other bytes, another ETag, the same picture."""
    comment = text.encode()
    return photo[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + photo[2:]


class Asker:
    """HEAD over one connection; a dropped connection is opened again."""

    def __init__(self, endpoint):
        parts = urlsplit(endpoint)
        self.host, self.port, self.connection = parts.hostname, parts.port, None

    def status(self, target):
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
            try:
                self.connection.request("HEAD", target)
                response = self.connection.getresponse()
                response.read()
                return response.status
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise


def upload_and_wait(s3, asker, load, name):
    """(seconds of the PUT, seconds until visible or None, polls, polls that the server failed)"""
    body = unique(load.photo, name)
    url = s3.generate_presigned_url(
        "head_object", Params={"Bucket": BUCKET, "Key": f"output/{name}_thumbnail.jpg"}, ExpiresIn=3600, HttpMethod="HEAD"
    )
    parts = urlsplit(url)
    target, polls, failed = f"{parts.path}?{parts.query}", 0, 0
    start = time.perf_counter()
    s3.put_object(Bucket=BUCKET, Key=f"input/{name}.jpg", Body=body, ContentType="image/jpeg")
    put = time.perf_counter() - start
    while True:
        polls += 1
        status = asker.status(target)
        now = time.perf_counter() - start
        if status == 200:
            return put, now, polls, failed
        if status >= 500:
            # s3rver answers 500 to a HEAD that meets an object half written. Not visible yet; counted.
            failed += 1
        elif status != 404:
            raise RuntimeError(f"HEAD of the thumbnail of {name} answered {status}")
        if now > load.timeout_seconds:
            return put, None, polls, failed
        time.sleep(load.poll_seconds)


def worker(load, number, barrier, results):
    outcome = Outcome(0.0)
    try:
        s3, asker = connect(load.endpoint, load.access_key, load.secret_key), Asker(load.endpoint)
        for phase, count in (("w", load.warm_up_per_worker), ("m", load.images_per_worker)):
            if phase == "m":
                barrier.wait(300)
                begin = time.perf_counter()
            for i in range(count):
                name = f"{load.label}-{number}-{phase}{i}"
                outcome.thumbnails.append(f"output/{name}_thumbnail.jpg")
                put, visible, polls, failed = upload_and_wait(s3, asker, load, name)
                outcome.failed_polls += failed
                if visible is None:
                    outcome.timed_out.append(name)
                elif phase == "m":
                    outcome.latencies_ms.append(visible * 1000)
                if phase == "m":
                    outcome.put_ms.append(put * 1000)
                    outcome.polls += polls
        # CLOCK_MONOTONIC is one clock for all processes of a Linux machine.
        results.put((begin, time.perf_counter(), outcome))
    except Exception as error:
        barrier.abort()
        outcome.errors.append(f"worker {number}: {type(error).__name__}: {error}")
        results.put((None, None, outcome))


def run(load):
    """Runs one phase; the wall clock goes from the first upload to the last thumbnail, without the warm-up."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(load.concurrency), context.Queue()
    workers = [context.Process(target=worker, args=(load, n, barrier, results)) for n in range(load.concurrency)]
    for process in workers:
        process.start()
    answers = [results.get(timeout=600) for _ in workers]
    for process in workers:
        process.join()
    starts, ends = [a[0] for a in answers if a[0] is not None], [a[1] for a in answers if a[1] is not None]
    total = Outcome(max(ends) - min(starts) if ends else 0.0)
    for _, _, part in answers:
        for name in ("latencies_ms", "put_ms", "thumbnails", "timed_out", "errors"):
            getattr(total, name).extend(getattr(part, name))
        total.polls += part.polls
        total.failed_polls += part.failed_polls
    return total
