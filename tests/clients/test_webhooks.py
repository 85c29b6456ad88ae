"""Webhooks: signed after Standard Webhooks, retried under one id, sent to no address that nobody meant."""

import base64
import hashlib
import hmac
import subprocess

import photos
import pytest
from server import binary, clean_environment
from standardwebhooks import Webhook, WebhookVerificationError
from waiting import until
from webhook_sink import WebhookSink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_c29tZXRoaW5nIGVsc2UgdGhhdCBpcyBzZWNyZXQ="

RULES = """
[server]
buckets = ["photos", "prints"]

[[rules]]
name = "small"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}.jpg"
steps = [{ resize = { width = 64, height = 64 } }]
format = "jpeg"
"""


def told(webhook, on='["image.processed", "image.failed", "image.removed"]'):
    return f"{RULES}\n[[notifications]]\non = {on}\nwebhook = {{ {webhook} }}\n"


@pytest.fixture
def sink():
    """`sink(500, 200)` is a receiver that answers so; closed at the end of the test."""
    sinks = []

    def start(*statuses, **options):
        sinks.append(WebhookSink(*statuses, **options))
        return sinks[-1]

    yield start
    for sink in sinks:
        sink.close()


def arrived(sink, count):
    return until(lambda: len(sink.deliveries) >= count and sink.deliveries[:count], f"{count} deliveries")


def put(server, key, body=None):
    return server.s3().put_object(Bucket="photos", Key=key, Body=photos.jpeg(200, 100) if body is None else body)


def test_a_delivery_is_a_signed_cloud_event(serve, sink):
    receiver = sink()
    config = told(f'url = "{receiver.url}", secret_env = "HOOK_SECRET"')
    server = serve(config=config, variables={"HOOK_SECRET": SECRET})
    answer = put(server, "2026/a b+ü.jpg")
    (delivery,) = arrived(receiver, 1)
    event = Webhook(SECRET).verify(delivery.body, delivery.headers)
    assert event["specversion"] == "1.0"
    assert event["id"] == delivery.id
    assert event["type"] == "image.processed"
    assert event["subject"] == "photos/2026/a b+ü.jpg"
    assert delivery.headers["content-type"] == "application/cloudevents+json"
    data = event["data"]
    assert (data["bucket"], data["key"], data["rule"]) == ("photos", "2026/a b+ü.jpg", "small")
    assert data["variants"] == [{"bucket": "prints", "key": "2026/a b+ü.jpg.jpg"}]
    assert data["request_id"] == answer["ResponseMetadata"]["RequestId"]
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW_SECRET).verify(delivery.body, delivery.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(delivery.body.replace(b"photos", b"fotos!"), delivery.headers)


def test_while_a_secret_is_replaced_both_verify(serve, sink):
    receiver = sink()
    config = told(f'url = "{receiver.url}", secret_env = "HOOK_SECRET"')
    server = serve(config=config, variables={"HOOK_SECRET": f"{NEW_SECRET} {SECRET}"})
    put(server, "a.jpg")
    (delivery,) = arrived(receiver, 1)
    for secret in (SECRET, NEW_SECRET):
        assert Webhook(secret).verify(delivery.body, delivery.headers)["id"] == delivery.id


def test_a_secret_that_is_only_text_signs_with_its_bytes(serve, sink):
    receiver = sink()
    config = told(f'url = "{receiver.url}", secret_env = "HOOK_SECRET"')
    server = serve(config=config, variables={"HOOK_SECRET": "only text, no base64".replace(" ", "-")})
    put(server, "a.jpg")
    (delivery,) = arrived(receiver, 1)
    signed = f"{delivery.id}.{delivery.headers['webhook-timestamp']}.".encode() + delivery.body
    mac = hmac.digest(b"only-text,-no-base64", signed, hashlib.sha256)
    assert f"v1,{base64.b64encode(mac).decode()}" in delivery.headers["webhook-signature"].split(" ")


def test_failures_and_removals_are_told_too(serve, sink, processed):
    receiver = sink()
    server = serve(config=told(f'url = "{receiver.url}"'))
    put(server, "bad.jpg", b"this is no image")
    (delivery,) = arrived(receiver, 1)
    assert receiver.events() == [("image.failed", "bad.jpg")]
    failure = delivery.json()["data"]["failure"]
    assert failure["cause"] == "not_an_image" and failure["error"]
    assert "webhook-signature" not in delivery.headers
    put(server, "good.jpg")
    processed(server, "good.jpg")
    server.s3().delete_object(Bucket="photos", Key="good.jpg")
    arrived(receiver, 3)
    assert sorted(receiver.events()[1:]) == [("image.processed", "good.jpg"), ("image.removed", "good.jpg")]


def test_a_retry_has_the_same_id_and_another_signature(serve, sink):
    receiver = sink(500, 503, 200)
    config = told(f'url = "{receiver.url}", secret_env = "HOOK_SECRET"')
    server = serve(config=config, variables={"HOOK_SECRET": SECRET})
    put(server, "a.jpg")
    deliveries = arrived(receiver, 3)
    assert len({delivery.id for delivery in deliveries}) == 1
    assert len({delivery.body for delivery in deliveries}) == 1
    for delivery in deliveries:
        Webhook(SECRET).verify(delivery.body, delivery.headers)


def test_a_receiver_that_was_away_gets_everything(serve, sink, processed):
    away = WebhookSink()
    away.close()
    server = serve(config=told(f'url = "{away.url}"', on='["image.processed"]'))
    keys = [f"{number}.jpg" for number in range(5)]
    for key in keys:
        put(server, key)
    for key in keys:
        processed(server, key)
    receiver = sink(port=away.port)
    until(lambda: {key for _, key in receiver.events()} == set(keys), "every image to be told")


def test_what_waits_outlives_the_server(serve, sink, processed):
    away = WebhookSink()
    away.close()
    server = serve(config=told(f'url = "{away.url}"', on='["image.processed"]'))
    put(server, "a.jpg")
    processed(server, "a.jpg")
    assert server.stop() == 0
    receiver = sink(port=away.port)
    server.start()
    until(lambda: receiver.events() == [("image.processed", "a.jpg")], "the image to be told after the restart")


def test_redirects_are_not_followed(serve, sink):
    inner = sink()
    receiver = sink(*[(307, {"Location": inner.url})] * 100)
    server = serve(config=told(f'url = "{receiver.url}"'))
    put(server, "a.jpg")
    arrived(receiver, 2)
    until(lambda: "redirects are not followed" in server.output(), "the log to say why")
    assert inner.deliveries == []


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0.0.0.0"])
def test_an_address_in_disguise_gets_nothing_and_the_log_says_why(serve, sink, host):
    receiver = sink()
    plain = sink()
    config = told(f'url = "http://{host}:{receiver.port}/hook"')
    config += f'\n[[notifications]]\non = ["image.processed"]\nwebhook = {{ url = "{plain.url}" }}\n'
    server = serve(config=config)
    put(server, "a.jpg")
    arrived(plain, 1)
    until(lambda: "nothing was sent" in server.output(), "the log to say why")
    assert receiver.deliveries == []


def test_an_address_in_disguise_can_be_allowed(serve, sink):
    receiver = sink()
    server = serve(config=told(f'url = "http://2130706433:{receiver.port}/hook", allow_private = true'))
    put(server, "a.jpg")
    arrived(receiver, 1)


def test_a_secret_in_the_url_is_in_no_log(serve, sink):
    receiver = sink(500)
    server = serve(config=told(f'url = "http://me:pass-word@127.0.0.1:{receiver.port}/hook?token=s3cr3t-t0ken"'))
    put(server, "a.jpg")
    deliveries = arrived(receiver, 2)
    assert deliveries[0].path == "/hook?token=s3cr3t-t0ken"
    assert deliveries[0].headers["authorization"] == "Basic " + base64.b64encode(b"me:pass-word").decode()
    assert "s3cr3t-t0ken" not in server.output() and "pass-word" not in server.output()


def test_a_secret_that_is_not_set_is_named_at_start(work):
    (work / "shop.toml").write_text(told('url = "http://127.0.0.1:9/", secret_env = "HOOK_SECRET"'))
    command = [str(binary()), "serve", "--config", "shop.toml", "--data", "data", "--s3-addr", "127.0.0.1:0"]
    environment = clean_environment()
    environment.pop("HOOK_SECRET", None)
    done = subprocess.run(
        [*command, "--web-addr", "127.0.0.1:0"], cwd=work, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode > 0
    assert "HOOK_SECRET" in done.stderr and "shop.toml:" in done.stderr


def test_a_bucket_tells_a_handler_that_was_written_for_s3(serve, sink):
    receiver = sink()
    webhook = f'\n[[webhooks]]\nname = "handler"\nurl = "{receiver.url}"\nsecret_env = "HOOK_SECRET"\n'
    server = serve(config=RULES + webhook, variables={"HOOK_SECRET": SECRET})
    s3 = server.s3()
    configuration = {
        "Id": "to-handler",
        "QueueArn": "arn:minilab:sqs::handler:webhook",
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    etag = put(server, "in/a b+ü.jpg")["ETag"]
    put(server, "elsewhere/b.jpg")
    (delivery,) = arrived(receiver, 1)
    Webhook(SECRET).verify(delivery.body, delivery.headers)
    (record,) = delivery.json()["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventVersion"].startswith("2.")
    assert record["s3"]["configurationId"] == "to-handler"
    assert record["s3"]["bucket"]["name"] == "photos"
    assert record["s3"]["object"]["eTag"] == etag.strip('"')
    s3.delete_object(Bucket="photos", Key="in/a b+ü.jpg")
    arrived(receiver, 2)
    assert receiver.record_keys() == ["in/a b+ü.jpg"] * 2
    assert receiver.deliveries[1].json()["Records"][0]["eventName"] == "ObjectRemoved:Delete"
