"""A deployment on the emulators: what the template makes on AWS, made by plain calls, and the functions as processes."""

import json
import os
import tomllib
import uuid
from pathlib import Path
from types import SimpleNamespace

import boto3
import requests
from botocore.config import Config
from event_sources import QueueMapping, Sequencers, StreamMapping
from lambda_emulator import LambdaEmulator
from processes import Child, clean_environment
from shapes import KEYS, limits, make_table
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"

# Deliveries before SQS gives a message up, and seconds until one that failed is delivered again: short, so that tests
# see the end of it. On AWS they are 5, and six times the function's time limit.
DELIVERIES = 3
VISIBILITY_SECONDS = 4
TIMEOUT_SECONDS = 60

# Like the default tiers, with bounds that small test images can pass.
TIERS = [
    {"name": "small", "memory_mb": 512, "batch": 5, "up_to_bytes": 64 << 20},
    {"name": "medium", "memory_mb": 1769, "batch": 5, "up_to_bytes": 128 << 20},
    {"name": "large", "memory_mb": 3008, "batch": 1},
]

# Rules for most tests; {source} and {prints} become buckets of the test's own.
RULES = """
[[rules]]
name = "thumbnail"
bucket = "{source}"
prefix = "input/"
[[rules.variants]]
name = "thumb"
bucket = "{prints}"
key = "output/{{stem}}_thumbnail.{{ext}}"
steps = [{{ resize = {{ width = 128, height = 128, fit = "inside" }} }}]
format = "jpeg"
quality = 80
"""


def bootstrap():
    path = Path(os.environ.get("MINILAB_BOOTSTRAP", ROOT / "target/release/bootstrap")).resolve()
    assert path.is_file(), f"{path} is not there: build it (README.md), or set MINILAB_BOOTSTRAP"
    return path


def clients(url):
    """boto3 clients that show the first answer: no retries hide an error from a test."""
    session = boto3.session.Session(
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"], region_name=REGION
    )
    settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 60, "max_pool_connections": 32}

    def client(name, **more):
        return session.client(name, endpoint_url=url, config=Config(**settings, **more))

    names = ("sqs", "sns", "dynamodb", "dynamodbstreams", "events")
    made = {name: client(name) for name in names}
    return SimpleNamespace(s3=client("s3", s3={"addressing_style": "path"}, signature_version="s3v4"), **made)


def told(answer):
    """The JSON of an answer. Any error ends a test at once; an AssertionError would be taken for "not yet"."""
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
    return answer.json()


class Queue:
    """An SQS queue, with a dead-letter queue when asked."""

    def __init__(self, sqs, name, dead_letters=False):
        self.sqs, self.name = sqs, name
        attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        self.dead = Queue(sqs, f"{name}-dead") if dead_letters else None
        if self.dead:
            redrive = {"deadLetterTargetArn": self.dead.arn, "maxReceiveCount": DELIVERIES}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    @property
    def arn(self):
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    def send(self, body):
        text = body if isinstance(body, str) else json.dumps(body)
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=text)["MessageId"]

    def take(self):
        """Every message that is visible now, deleted from the queue."""
        taken = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                return taken
            for message in answer["Messages"]:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            taken += answer["Messages"]

    def counts(self):
        """(visible, in flight)"""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        # moto counts once for all, but for each name that is asked for.
        told = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return tuple(int(told[name]) for name in names)

    @property
    def empty(self):
        return self.counts() == (0, 0)


class Stack:
    """One deployment. `rules` is TOML as in `minilab.toml`, with {source} and {prints} to be filled in."""

    def __init__(self, moto_url, directory, rules=RULES, tiers=TIERS, workers=1, digests=False):
        self.moto_url, self.directory = moto_url, directory
        self.binary = bootstrap()
        self.aws = clients(moto_url)
        self.name = f"stack-{uuid.uuid4().hex[:8]}"
        self.source, self.prints = f"{self.name}-photos", f"{self.name}-prints"
        self.tiers, self.workers, self.digests_wanted = tiers, workers, digests
        self.children, self.mappings = [], []
        self.sequencers = Sequencers()
        self._resources()
        filled = rules.format(source=self.source, prints=self.prints)
        self.bundle = {
            "notifications": [],
            **tomllib.loads(filled),
            "limits": limits(attempts=DELIVERIES),
            "aws": {"name": self.name, "table": self.table, "tiers": tiers},
        }
        self.bundle_path = directory / "minilab.json"
        self.bundle_path.write_text(json.dumps(self.bundle))
        self._start()

    # ---- resources

    def _resources(self):
        sqs, sns = self.aws.sqs, self.aws.sns
        for bucket in (self.source, self.prints):
            self.aws.s3.create_bucket(Bucket=bucket)
        self.ingest = Queue(sqs, f"{self.name}-ingest", dead_letters=True)
        self.tier_queues = {tier["name"]: Queue(sqs, f"{self.name}-{tier['name']}", dead_letters=True) for tier in self.tiers}
        self.digest_queue = Queue(sqs, f"{self.name}-digest")
        self.topic, self.told = self._topic("outcomes")
        self.digest_topic, self.digests = self._topic("digest")
        self.table = f"{self.name}-ImageMetadata"
        self.stream = make_table(self.aws.dynamodb, self.table)
        self.notify_of_uploads(self.source)

    def _topic(self, name):
        """A topic and a queue that is subscribed to it, as a user would listen."""
        arn = self.aws.sns.create_topic(Name=f"{self.name}-{name}")["TopicArn"]
        queue = Queue(self.aws.sqs, f"{self.name}-{name}-subscriber")
        self.aws.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
        return arn, queue

    def notify_of_uploads(self, bucket, prefix="input/"):
        """S3 → the ingest queue, by the bucket's own notification configuration."""
        configuration = {
            "QueueArn": self.ingest.arn,
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
        }
        self.aws.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [configuration]}
        )

    # ---- functions

    def _start(self):
        several = len(self.tiers) > 1
        names = ["api", "notify", *(["router"] if several else []), *(f"process-{tier['name']}" for tier in self.tiers)]
        self.emulator = LambdaEmulator(self.directory / "lambda", dict.fromkeys(names, TIMEOUT_SECONDS))
        digest = {"MINILAB_DIGEST_TOPIC_ARN": self.digest_topic, "MINILAB_DIGEST_QUEUE_URL": self.digest_queue.url}
        digest = digest if self.digests_wanted else {}
        tiers = {"MINILAB_TIER_QUEUE_URLS": " ".join(self.tier_queues[tier["name"]].url for tier in self.tiers)}
        if several:
            self._start_function("router", 256, MINILAB_DEAD_LETTER_QUEUE_URL=self.ingest.dead.url, **tiers)
            self._map_queue(self.ingest, "router", 10)
        for tier in self.tiers:
            queue = self.tier_queues[tier["name"]]
            name, batch = f"process-{tier['name']}", tier.get("batch", 1)
            own = {"MINILAB_TIER": tier["name"], "MINILAB_DEAD_LETTER_QUEUE_URL": queue.dead.url}
            self._start_function(name, tier["memory_mb"], self.workers, **own, **tiers, **digest)
            self._map_queue(queue if several else self.ingest, name, batch, self.workers)
        self._start_function("api", 256)
        self._start_function("notify", 256, **digest)
        self.mappings.append(StreamMapping(self.aws.dynamodbstreams, self.stream, "notify", self.emulator.invoke))
        for name in names:
            assert self.emulator.wait_until_ready(name), f"{name} did not ask for work:\n{self.logs()}"

    def _map_queue(self, queue, function, batch, threads=1):
        mapping = QueueMapping(self.aws.sqs, queue, function, self.emulator.invoke, batch, self.sequencers, threads)
        self.mappings.append(mapping)

    def mapping(self, function):
        """The event source of a function."""
        return next(mapping for mapping in self.mappings if mapping.function == function)

    def _start_function(self, name, memory_mb, processes=1, **environment):
        variables = clean_environment(
            **KEYS,
            AWS_ENDPOINT_URL=self.moto_url,
            AWS_LAMBDA_RUNTIME_API=self.emulator.runtime_api(name),
            AWS_LAMBDA_FUNCTION_NAME=name,
            AWS_LAMBDA_FUNCTION_VERSION="$LATEST",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(memory_mb),
            AWS_LAMBDA_LOG_GROUP_NAME=f"/aws/lambda/{name}",
            AWS_LAMBDA_LOG_STREAM_NAME="test",
            LAMBDA_TASK_ROOT=str(self.directory),
            MINILAB_BUNDLE=str(self.bundle_path),
            MINILAB_FUNCTION=name.split("-")[0],
            MINILAB_TABLE=self.table,
            MINILAB_TOPIC_ARN=self.topic,
            **environment,
        )
        for number in range(processes):
            log = self.directory / f"{name}-{number}.log"
            self.children.append(Child([self.binary], log, cwd=self.directory, environment=variables))

    def logs(self):
        return "\n".join(f"--- {child.log_path.name}\n{child.output()}" for child in self.children)

    def log_lines(self, kind):
        """The JSON lines that the processes of a function have printed."""
        text = "\n".join(path.read_text(errors="replace") for path in self.directory.glob(f"{kind}*.log"))
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def check(self):
        """Fails when a process of a function or a mapping has ended."""
        for mapping in self.mappings:
            if mapping.error is not None:
                raise RuntimeError(f"an event source ended:\n{mapping.error}")
        for child in self.children:
            if not child.running:
                raise RuntimeError(f"{child.log_path.name} ended with {child.process.returncode}:\n{child.output()}")

    def close(self):
        for mapping in self.mappings:
            mapping.closing.set()
        for mapping in self.mappings:
            mapping.close()
        try:
            self.check()
        finally:
            # Lambda freezes and kills; there is nothing to end in order.
            for child in self.children:
                child.process.kill()
                child.process.wait()
            self.emulator.close()

    # ---- as a user

    def put(self, key, body, bucket=None, **options):
        return self.aws.s3.put_object(Bucket=bucket or self.source, Key=key, Body=body, **options)

    def delete(self, key):
        self.aws.s3.delete_object(Bucket=self.source, Key=key)

    def object(self, key, bucket=None):
        """The bytes of an object, or None."""
        try:
            return self.aws.s3.get_object(Bucket=bucket or self.prints, Key=key)["Body"].read()
        except self.aws.s3.exceptions.NoSuchKey:
            return None

    def keys(self, bucket=None):
        pages = self.aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket or self.prints)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def get(self, path, **options):
        """A GET of the HTTP API."""
        return requests.get(self.emulator.url("api") + path, timeout=60, **options)

    def record(self, key):
        """The record of `key` from the API, or None when there is none."""
        answer = self.get(f"/images/{key}")
        return None if answer.status_code == 404 else told(answer)

    def statistics(self):
        return told(self.get("/infoimages"))

    def item(self, key):
        """The table's item of an image, or None."""
        return self.aws.dynamodb.get_item(TableName=self.table, Key={"ImageId": {"S": key}}).get("Item")

    def processed(self, key, state="processed", etag=None, seconds=60):
        """Waits until the record of `key` says so; the record."""

        def check():
            self.check()
            record = self.record(key)
            assert record is not None and record["state"] == state, record
            assert etag is None or record["etag"] == etag.strip('"'), record
            return record

        return until(check, f"{key} to be {state}", seconds)

    def settled(self, seconds=60):
        """Waits until no queue that a function reads holds anything."""

        def check():
            self.check()
            return all(queue.empty for queue in (self.ingest, *self.tier_queues.values()))

        return until(check, "the queues to be empty", seconds, every=0.1)

    def dead_letters(self):
        """Everything in the dead-letter queues, taken out."""
        queues = [self.ingest.dead, *(queue.dead for queue in self.tier_queues.values())]
        return [message for queue in queues for message in queue.take()]

    def messages(self):
        """What the topic's subscriber has got since the last look: SNS envelopes."""
        return [json.loads(message["Body"]) for message in self.told.take()]
