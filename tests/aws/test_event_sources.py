"""The ways in which an event can come: by SQS, EventBridge, SNS, or straight from S3."""

import json
import uuid

import photos
import pytest
from waiting import until


def s3_event(stack, key, body, name="ObjectCreated:Put"):
    """As S3 sends it, with a sequencer that is larger than those before."""
    etag = "" if "Removed" in name else stack.aws.s3.head_object(Bucket=stack.source, Key=key)["ETag"].strip('"')
    entity = {"key": key, "size": len(body), "eTag": etag, "sequencer": stack.sequencers.draw()}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-11-21T12:00:00.000Z",
        "eventName": name,
        "responseElements": {"x-amz-request-id": f"REQUEST-{key}"},
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": stack.source}, "object": entity},
    }
    return {"Records": [record]}


def bridge_event(stack, key, body):
    """As EventBridge sends it: the key is raw."""
    etag = stack.aws.s3.head_object(Bucket=stack.source, Key=key)["ETag"].strip('"')
    entity = {"key": key, "size": len(body), "etag": etag, "sequencer": stack.sequencers.draw()}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-21T12:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{stack.source}"],
        "detail": {
            "version": "0",
            "bucket": {"name": stack.source},
            "object": entity,
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "reason": "PutObject",
        },
    }


@pytest.fixture
def quiet(stack):
    """A stack whose bucket tells nobody of uploads."""
    stack.aws.s3.put_bucket_notification_configuration(Bucket=stack.source, NotificationConfiguration={})
    return stack


def test_a_notification_straight_from_s3(quiet):
    body = photos.jpeg()
    quiet.put("input/a.jpg", body)
    event = json.dumps(s3_event(quiet, "input/a.jpg", body))
    failed, answer = quiet.emulator.invoke("process-small", event)
    assert not failed, answer
    # It is done when the call is, and a second delivery changes nothing.
    assert quiet.record("input/a.jpg")["state"] == "processed"
    assert not quiet.emulator.invoke("process-small", event)[0]
    assert quiet.statistics()["count"] == 1
    quiet.delete("input/a.jpg")
    removal = json.dumps(s3_event(quiet, "input/a.jpg", b"", "ObjectRemoved:Delete"))
    assert not quiet.emulator.invoke("process-small", removal)[0]
    assert quiet.record("input/a.jpg") is None and quiet.keys() == []


def test_an_event_straight_from_eventbridge(quiet):
    body = photos.jpeg()
    quiet.put("input/a b+c.jpg", body)
    event = json.dumps(bridge_event(quiet, "input/a b+c.jpg", body))
    failed, answer = quiet.emulator.invoke("process-small", event)
    assert not failed, answer
    assert quiet.record("input/a%20b%2Bc.jpg")["state"] == "processed"


def test_events_of_eventbridge_and_sns_by_way_of_the_queue(quiet):
    body = photos.jpeg()
    for key in ("input/a b+c.jpg", "input/d.jpg"):
        quiet.put(key, body)
    quiet.ingest.send(bridge_event(quiet, "input/a b+c.jpg", body))
    envelope = {"Type": "Notification", "TopicArn": quiet.topic, "Message": json.dumps(s3_event(quiet, "input/d.jpg", body))}
    quiet.ingest.send(envelope)
    quiet.processed("input/a%20b%2Bc.jpg")
    quiet.processed("input/d.jpg")


def test_an_upload_can_be_followed_from_its_request_to_the_topic(quiet):
    """The upload's request is told to the topic, and X-Ray's trace is in every line about it."""
    body = photos.jpeg()
    quiet.put("input/a.jpg", body)
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    quiet.aws.sqs.send_message(
        QueueUrl=quiet.ingest.url,
        MessageBody=json.dumps(s3_event(quiet, "input/a.jpg", body)),
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": trace}},
    )
    (message,) = until(quiet.messages, "the message on the topic")
    assert message["MessageAttributes"]["trace"]["Value"] == "REQUEST-input/a.jpg"
    for function in ("router", "process-small"):
        (line,) = [line for line in quiet.log_lines(function) if line.get("key") == "input/a.jpg"]
        assert line["trace"].startswith("Root=1-5759e988-bd862e3fe1be46a994272793"), line


def test_an_object_with_provenance_starts_nothing(stack):
    stack.put("input/own.jpg", photos.jpeg())
    stack.processed("input/own.jpg")
    key = "output/own_thumbnail.jpg"
    metadata = stack.aws.s3.head_object(Bucket=stack.prints, Key=key)["Metadata"]
    assert metadata["minilab-source"] == f"{stack.source}/input/own.jpg"
    # A variant that is copied into the source, as a careless script does: its metadata comes along.
    stack.put("input/copied.jpg", stack.object(key), Metadata=metadata)
    stack.put("input/after.jpg", photos.jpeg())
    stack.processed("input/after.jpg")
    stack.settled()
    assert stack.record("input/copied.jpg") is None
    assert stack.statistics()["count"] == 2
    assert stack.keys() == ["output/after_thumbnail.jpg", key]
