"""The harness itself, with a function in Python: what it tells of the binary has to be Lambda's doing, not its own."""

import json
import sys
import uuid
from pathlib import Path

import pytest
import requests
from event_sources import CONSTANT_SEQUENCER, QueueMapping, Sequencers
from lambda_emulator import LambdaEmulator
from processes import Child, clean_environment
from stack import Queue, clients
from waiting import until

SAMPLE = Path(__file__).with_name("sample_function.py")


@pytest.fixture
def service(tmp_path):
    """Lambda with one function, `sample`, whose process runs."""
    emulator = LambdaEmulator(tmp_path / "lambda", {"sample": 60})
    environment = clean_environment(AWS_LAMBDA_RUNTIME_API=emulator.runtime_api("sample"))
    child = Child([sys.executable, SAMPLE], tmp_path / "sample.log", environment=environment)
    assert emulator.wait_until_ready("sample"), child.output()
    yield emulator
    child.process.kill()
    child.process.wait()
    emulator.close()


def test_calls_are_answered_and_errors_told(service):
    assert service.invoke("sample", "{}") == (False, '{"batchItemFailures": []}')
    failed, text = service.invoke("sample", '{"crash": true}')
    assert failed and json.loads(text)["errorType"] == "Asked"


def test_a_url_of_a_function_keeps_the_path_as_it_was_sent(service):
    answer = requests.get(service.url("sample") + "/images/a%20b/c%2Fd.jpg?bucket=x")
    assert (answer.status_code, answer.text) == (203, "/images/a%20b/c%2Fd.jpg?bucket=x")


def test_only_what_failed_comes_again_and_ends_as_dead_letter(moto, service):
    sqs = clients(moto).sqs
    queue = Queue(sqs, f"queue-{uuid.uuid4().hex[:8]}", dead_letters=True)
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"VisibilityTimeout": "1"})
    good, bad = [queue.send(f"good {number}") for number in range(5)], queue.send("bad")
    mapping = QueueMapping(sqs, queue, "sample", service.invoke, 10, Sequencers())
    try:
        until(lambda: queue.empty and queue.dead.counts() == (1, 0), "the bad message to be given up")
    finally:
        mapping.close()
    assert mapping.error is None
    assert sorted(mapping.delivered) == sorted([(name, False) for name in good] + [(bad, True)] * 3)
    assert [message["Body"] for message in queue.dead.take()] == ["bad"]


def test_each_arrival_gets_a_larger_sequencer_and_keeps_it():
    event = json.dumps({"Records": [{"s3": {"object": {"key": "a"}}}]})
    bridge = json.dumps({"detail-type": "Object Created", "detail": {"object": {"sequencer": CONSTANT_SEQUENCER}}})
    envelope = json.dumps({"Type": "Notification", "Message": event})
    numbers = Sequencers()
    first, again, second = (numbers.number_events(name, event) for name in ("1", "1", "2"))
    assert first == again and first < second
    number = json.loads(second)["Records"][0]["s3"]["object"]["sequencer"]
    assert json.loads(numbers.number_events("3", bridge))["detail"]["object"]["sequencer"] > number
    assert "sequencer" in json.loads(numbers.number_events("4", envelope))["Message"]
    assert numbers.number_events("5", "no json") == "no json"
