"""Bucket notifications: what S3's handlers are told of a bucket's objects, and how that is configured."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from s3errors import refused
from server import ACCESS_KEY, SECRET_KEY, clean_environment
from waiting import until
from webhook_sink import WebhookSink

ARN = "arn:minilab:sqs::orders:webhook"


@pytest.fixture
def sink():
    sinks = []

    def start(*statuses, **options):
        sinks.append(WebhookSink(*statuses, **options))
        return sinks[-1]

    yield start
    for sink in sinks:
        sink.close()


@pytest.fixture
def bucket_server(serve):
    """`bucket_server(sink)` runs a server without rules whose only webhook, `orders`, is the sink."""

    def start(receiver):
        return serve(
            config=f'[server]\nbuckets = ["photos"]\n\n[[webhooks]]\nname = "orders"\nurl = "{receiver.url}"\nallow_private = true\n'
        )

    return start


def queue(*events, arn=ARN, rules=(), **more):
    configuration = {"QueueArn": arn, "Events": list(events) or ["s3:ObjectCreated:*"], **more}
    if rules:
        configuration["Filter"] = {"Key": {"FilterRules": [{"Name": n, "Value": v} for n, v in rules]}}
    return configuration


def configure(s3, *queues):
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"QueueConfigurations": list(queues)}
    )


def told(receiver):
    """(event, key) of all that came, as a handler reads it."""
    names = [record["eventName"] for delivery in receiver.deliveries for record in delivery.json()["Records"]]
    return sorted(zip(names, receiver.record_keys()))


def test_a_handler_hears_of_put_copy_multipart_and_delete(bucket_server, sink):
    receiver = sink()
    server = bucket_server(receiver)
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="before.jpg", Body=b"told to nobody")
    configure(
        s3,
        queue("s3:ObjectCreated:*", Id="made", rules=[("Prefix", "in/"), ("SUFFIX", ".jpg")]),
        queue("s3:ObjectRemoved:*", Id="gone"),
    )
    s3.put_object(Bucket="photos", Key="in/a b+ü.jpg", Body=b"one")
    s3.put_object(Bucket="photos", Key="in/a.txt", Body=b"another suffix")
    s3.put_object(Bucket="photos", Key="out/a.jpg", Body=b"another prefix")
    s3.copy_object(Bucket="photos", Key="in/copy.jpg", CopySource="photos/out/a.jpg")
    upload = s3.create_multipart_upload(Bucket="photos", Key="in/parts.jpg")["UploadId"]
    part = s3.upload_part(Bucket="photos", Key="in/parts.jpg", UploadId=upload, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        Bucket="photos",
        Key="in/parts.jpg",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    s3.delete_object(Bucket="photos", Key="out/a.jpg")
    s3.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": "in/copy.jpg"}, {"Key": "in/a.txt"}]})
    expected = [
        ("ObjectCreated:CompleteMultipartUpload", "in/parts.jpg"),
        ("ObjectCreated:Copy", "in/copy.jpg"),
        ("ObjectCreated:Put", "in/a b+ü.jpg"),
        ("ObjectRemoved:Delete", "in/a.txt"),
        ("ObjectRemoved:Delete", "in/copy.jpg"),
        ("ObjectRemoved:Delete", "out/a.jpg"),
    ]
    until(lambda: len(receiver.deliveries) >= len(expected), "all events")
    assert told(receiver) == expected

    # Once removed, nothing more is told: the last event is one that is configured anew.
    configure(s3)
    s3.put_object(Bucket="photos", Key="in/quiet.jpg", Body=b"quiet")
    configure(s3, queue())
    s3.put_object(Bucket="photos", Key="in/last.jpg", Body=b"last")
    until(lambda: ("ObjectCreated:Put", "in/last.jpg") in told(receiver), "the last event")
    assert len(receiver.deliveries) == len(expected) + 1


def test_what_a_sink_did_not_take_comes_after_a_restart(bucket_server, sink):
    receiver = sink(*[503] * 3)
    server = bucket_server(receiver)
    configure(server.s3(), queue())
    server.s3().put_object(Bucket="photos", Key="a.jpg", Body=b"a")
    until(lambda: receiver.deliveries, "the first attempt")
    server.kill()
    server.start()
    until(lambda: len(receiver.deliveries) >= 4, "the attempt that is taken")
    assert server.s3().get_bucket_notification_configuration(Bucket="photos")["QueueConfigurations"]
    assert len({delivery.id for delivery in receiver.deliveries}) == 1
    assert "will be tried again" in server.output()


def test_a_configuration_comes_back(bucket_server, sink):
    s3 = bucket_server(sink()).s3()
    asked = {
        "QueueConfigurations": [queue(rules=[("prefix", "q/")], Id="q")],
        "TopicConfigurations": [
            {"Id": "t", "TopicArn": ARN, "Events": ["s3:ObjectRemoved:Delete"]},
        ],
        "LambdaFunctionConfigurations": [
            {
                "LambdaFunctionArn": ARN,
                "Events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Copy"],
                "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "l/"}]}},
            },
        ],
    }
    s3.put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration=asked)
    got = s3.get_bucket_notification_configuration(Bucket="photos")["QueueConfigurations"]
    assert [(one["QueueArn"], one["Events"]) for one in got] == [
        (ARN, ["s3:ObjectCreated:*"]),
        (ARN, ["s3:ObjectRemoved:Delete"]),
        (ARN, ["s3:ObjectCreated:Put", "s3:ObjectCreated:Copy"]),
    ]
    assert [one["Id"] for one in got[:2]] == ["q", "t"] and got[2]["Id"]
    assert got[2]["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "l/"}]
    s3.put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration={})
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket="photos")


WRONG = {
    "unknown name": [queue(arn="arn:minilab:sqs::unknown:webhook")],
    "no webhook": [queue(arn="arn:aws:sns:us-east-1:123456789012:topic")],
    "event": [queue("s3:ObjectCreated:Teleport")],
    "filter name": [queue(rules=[("infix", "x")])],
    "two suffixes": [queue(rules=[("suffix", "x"), ("Suffix", "y")])],
    "one id twice": [queue(Id="a"), queue("s3:ObjectRemoved:*", Id="a")],
    "overlap": [queue(rules=[("prefix", "in/")]), queue("s3:ObjectCreated:Put", rules=[("prefix", "in/x")])],
}


def test_what_could_not_be_told_is_refused(bucket_server, sink):
    s3 = bucket_server(sink()).s3()
    for queues in WRONG.values():
        with refused("InvalidArgument", status=400):
            configure(s3, *queues)
    with refused("NotImplemented", status=501):
        s3.put_bucket_notification_configuration(
            Bucket="photos", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    with refused("NoSuchBucket", status=404):
        s3.put_bucket_notification_configuration(Bucket="missing", NotificationConfiguration={})
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket="photos")
    with pytest.raises(Exception, match=ARN):
        configure(s3, *WRONG["unknown name"])


def test_the_aws_command_line(bucket_server, sink, work):
    receiver = sink()
    server = bucket_server(receiver)
    beside_python = Path(sys.executable).parent / "aws"
    program = str(beside_python) if beside_python.exists() else shutil.which("aws")
    assert program, "the aws command line is not installed: pip install awscli"
    environment = clean_environment(
        AWS_ACCESS_KEY_ID=ACCESS_KEY, AWS_SECRET_ACCESS_KEY=SECRET_KEY, AWS_DEFAULT_REGION="us-east-1", AWS_PAGER=""
    )

    def aws(*words):
        command = [program, "--endpoint-url", server.s3_url, "s3api", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    configuration = work / "notification.json"
    configuration.write_text(json.dumps({"QueueConfigurations": [queue(Id="cli")]}))
    aws("put-bucket-notification-configuration", "--bucket", "photos", "--notification-configuration", f"file://{configuration}")
    got = aws("get-bucket-notification-configuration", "--bucket", "photos")
    assert got["QueueConfigurations"][0]["Id"] == "cli"
    aws("put-object", "--bucket", "photos", "--key", "cli.jpg", "--body", str(configuration))
    until(lambda: told(receiver) == [("ObjectCreated:Put", "cli.jpg")], "the event")
