"""Small event source mappings: what Lambda does between a queue or a stream and a function.

Each is a thread (a queue's can be several, as Lambda scales them). They keep to Lambda's rules: a batch that fails as a
whole comes again; one that answers `batchItemFailures` loses only what is not named there.
"""

import base64
import itertools
import json
import threading
import time
import traceback
from contextlib import ExitStack, contextmanager

# moto's S3 events carry no sequencer, and those it sends by way of EventBridge all the same one. The real one grows with
# each write of a key, so each arrival gets a larger one here; the same message keeps it when it comes again.
CONSTANT_SEQUENCER = "617f08299329d189"


class Sequencers:
    """Draws sequencers in S3's form: 18 hex digits."""

    def __init__(self):
        self.numbers = itertools.count(0x0055_AED6_0000_0000)
        self.by_message = {}
        self.lock = threading.Lock()

    def draw(self):
        return f"{next(self.numbers):018X}"

    def number_events(self, message_id, body):
        """The body of a message with a sequencer in each of its S3 events; any other body as it is."""
        with self.lock:
            if message_id not in self.by_message:
                self.by_message[message_id] = self._numbered(body)
            return self.by_message[message_id]

    def _numbered(self, body):
        try:
            event = json.loads(body)
        except ValueError:
            return body
        if not isinstance(event, dict):
            return body
        if isinstance(event.get("Message"), str):  # an envelope of SNS
            event["Message"] = self._numbered(event["Message"])
        objects = [record["s3"]["object"] for record in event.get("Records", []) if "s3" in record]
        if "detail-type" in event:
            objects.append(event["detail"]["object"])
        for entry in objects:
            if entry.get("sequencer", CONSTANT_SEQUENCER) == CONSTANT_SEQUENCER:
                entry["sequencer"] = self.draw()
        return json.dumps(event)


class Mapping:
    """A thread that calls `step` until it is closed. An error inside is kept and ends it: the stack's `close` tells of it."""

    def __init__(self, threads=1):
        self.closing = threading.Event()
        self.error = None
        self.gates = [threading.Lock() for _ in range(threads)]
        self.threads = [threading.Thread(target=self._run, args=(gate,), daemon=True) for gate in self.gates]
        for thread in self.threads:
            thread.start()

    def _run(self, gate):
        try:
            while not self.closing.is_set():
                with gate:
                    self.step()
                # Leaves the gate to whoever waits for it.
                time.sleep(0.001)
        except Exception:
            if not self.closing.is_set():
                self.error = traceback.format_exc()

    @contextmanager
    def held(self):
        """Nothing is delivered within."""
        with ExitStack() as gates:
            for gate in self.gates:
                gates.enter_context(gate)
            yield

    def close(self):
        self.closing.set()
        for thread in self.threads:
            thread.join(timeout=30)


class QueueMapping(Mapping):
    """SQS → function."""

    def __init__(self, sqs, queue, function, invoke, batch, sequencers, threads=1):
        self.sqs, self.queue, self.function, self.invoke, self.batch = sqs, queue, function, invoke, batch
        self.sequencers = sequencers
        # moto gives one message to two who ask at the same moment.
        self.receiving = threading.Lock()
        # What has been delivered: (message id, failed).
        self.delivered = []
        super().__init__(threads)

    def step(self):
        with self.receiving:
            received = self.sqs.receive_message(
                QueueUrl=self.queue.url,
                MaxNumberOfMessages=self.batch,
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        messages = received.get("Messages", [])
        if not messages:
            return
        records = [self._record(message) for message in messages]
        failed_whole, answer = self.invoke(self.function, json.dumps({"Records": records}))
        failures = {message["MessageId"] for message in messages} if failed_whole else failed_items(answer)
        self.delivered += [(message["MessageId"], message["MessageId"] in failures) for message in messages]
        # What failed is left: it is seen again when its time of invisibility is over, and counted.
        done = [message for message in messages if message["MessageId"] not in failures]
        if done:
            entries = [{"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in done]
            told = self.sqs.delete_message_batch(QueueUrl=self.queue.url, Entries=entries)
            assert not told.get("Failed"), told

    def _record(self, message):
        attributes = {
            name: {
                "stringValue": value.get("StringValue"),
                "dataType": value["DataType"],
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, value in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": self.sequencers.number_events(message["MessageId"], message["Body"]),
            "attributes": message["Attributes"],
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue.arn,
            "awsRegion": "us-east-1",
        }


class StreamMapping(Mapping):
    """DynamoDB stream → function, of the records that the template's filter lets through: new notifications."""

    BATCH = 100

    def __init__(self, streams, stream_arn, function, invoke):
        self.streams, self.function, self.invoke = streams, function, invoke
        self.arn = stream_arn
        shard = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"][0]["ShardId"]
        self.iterator = streams.get_shard_iterator(StreamArn=stream_arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        self.iterator = self.iterator["ShardIterator"]
        super().__init__()

    def step(self):
        answer = self.streams.get_records(ShardIterator=self.iterator, Limit=self.BATCH)
        records = [self._record(record) for record in answer["Records"] if wanted(record)]
        while records and not self.closing.is_set():
            failed_whole, text = self.invoke(self.function, json.dumps({"Records": records}))
            failures = failed_items(text) if not failed_whole else {records[0]["dynamodb"]["SequenceNumber"]}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
            # A stream goes on at the first that failed.
            first = next((index for index, number in enumerate(numbers) if number in failures), len(records))
            records = records[first:]
            if records:
                time.sleep(0.2)
        self.iterator = answer["NextShardIterator"]
        if not answer["Records"]:
            self.closing.wait(0.1)

    def _record(self, record):
        told = record["dynamodb"]
        return {
            "eventID": record["eventID"],
            "eventName": record["eventName"],
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": told["ApproximateCreationDateTime"].timestamp(),
                "Keys": plain(told["Keys"]),
                "NewImage": plain(told["NewImage"]),
                "SequenceNumber": told["SequenceNumber"],
                "SizeBytes": told["SizeBytes"],
                "StreamViewType": told["StreamViewType"],
            },
            "eventSourceARN": self.arn,
        }


def wanted(record):
    image = record["dynamodb"].get("NewImage", {})
    return record["eventName"] == "INSERT" and image.get("Kind") == {"S": "notification"}


def failed_items(answer):
    """The identifiers in `batchItemFailures`; none for an answer without."""
    told = json.loads(answer) if answer else None
    return {item["itemIdentifier"] for item in (told or {}).get("batchItemFailures", [])}


def plain(value):
    """Attribute values as they stand in JSON: bytes in base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
