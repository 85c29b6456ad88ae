"""What outlives the process: everything, after SIGTERM, and one process at a time in a data directory."""

import re
import stat
import subprocess
import threading

import photos
import requests
from server import ACCESS_KEY, SECRET_KEY, binary, clean_environment, s3_client
from waiting import until

# "… access … KEY … secret … SECRET", on one line or two, however it is worded.
CREDENTIALS = re.compile(r"(?is)access[^\n]*?[\s:=]([A-Za-z0-9]{8,}).*?secret[^\n]*?[\s:=]([\w+/=-]{16,})")


def everything(server):
    """All that a client can see: every bucket, object, header, record, and the statistics."""
    s3 = server.s3()
    seen = {"statistics": server.statistics()}
    for bucket in s3.list_buckets()["Buckets"]:
        for entry in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            got = s3.get_object(Bucket=bucket["Name"], Key=entry["Key"])
            place = f"{bucket['Name']}/{entry['Key']}"
            seen[place] = (got["Body"].read(), got["ETag"], got["Metadata"], got["ContentType"], got["LastModified"])
            seen[f"record of {place}"] = server.record(entry["Key"], bucket["Name"])
        seen[f"uploads in {bucket['Name']}"] = [
            u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket["Name"]).get("Uploads", [])
        ]
    return seen


def test_a_restart_keeps_everything(serve, processed):
    server = serve("sizes")
    s3 = server.s3()
    s3.create_bucket(Bucket="made-by-hand")
    s3.put_object(Bucket="made-by-hand", Key="a b", Body=photos.random_bytes(2_000_000), Metadata={"x": "y"})
    begun = s3.create_multipart_upload(Bucket="made-by-hand", Key="begun")["UploadId"]
    part = s3.upload_part(Bucket="made-by-hand", Key="begun", UploadId=begun, PartNumber=1, Body=b"part one")
    for name in ("a.jpg", "b.jpg"):
        s3.put_object(Bucket="photos", Key=name, Body=photos.jpeg_with_exif())
        processed(server, name)
    s3.put_object(Bucket="photos", Key="bad.jpg", Body=b"no image")
    processed(server, "bad.jpg", state="failed")
    before = everything(server)
    for _ in range(2):
        assert server.stop() == 0
        server.start()
        assert everything(server) == before
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    server.s3().complete_multipart_upload(
        Bucket="made-by-hand", Key="begun", UploadId=begun, MultipartUpload={"Parts": parts}
    )
    assert server.s3().get_object(Bucket="made-by-hand", Key="begun")["Body"].read() == b"part one"


def test_work_left_over_is_done_after_a_restart(serve, processed):
    server = serve("thumbnail")
    photo = photos.jpeg(2400, 1600)
    names = [f"input/{number:02}.jpg" for number in range(12)]
    for name in names:
        server.s3().put_object(Bucket="local-bucket", Key=name, Body=photo)
    assert server.stop() == 0
    server.start()
    for name in names:
        processed(server, name)
    assert server.statistics()["count"] == len(names)


def test_what_is_under_way_at_sigterm_is_answered(serve):
    """An upload whose body is half sent is either acknowledged and there, or refused and not there."""
    server = serve("thumbnail")
    body = photos.random_bytes(400_000)
    url = server.s3().generate_presigned_url("put_object", Params={"Bucket": "local-bucket", "Key": "late"})
    half_sent = threading.Event()
    outcome = []

    def slowly():
        yield body[:200_000]
        half_sent.set()
        until(lambda: _stops_listening(server), "the server to stop listening", seconds=10)
        yield body[200_000:]

    def upload():
        try:
            answer = requests.put(url, data=_Sized(slowly(), len(body)), timeout=60)
            outcome.append(answer.status_code)
        except (requests.RequestException, AssertionError) as error:
            outcome.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    assert half_sent.wait(30)
    assert server.stop() == 0
    thread.join(60)
    server.start()
    found = server.s3().list_objects_v2(Bucket="local-bucket", Prefix="late").get("Contents", [])
    assert (outcome == [200]) == (len(found) == 1)
    if found:
        assert server.s3().get_object(Bucket="local-bucket", Key="late")["Body"].read() == body


class _Sized:
    """An iterator with a known length, so that requests sends Content-Length and no chunks."""

    def __init__(self, pieces, length):
        self.pieces, self.length = pieces, length

    def __len__(self):
        return self.length

    def __iter__(self):
        return self.pieces


def _stops_listening(server):
    try:
        requests.get(server.s3_url, timeout=5)
        return False
    except requests.RequestException:
        return True


def test_a_second_process_is_refused_and_does_no_harm(serve, work):
    server = serve("thumbnail")
    server.s3().put_object(Bucket="local-bucket", Key="k", Body=b"content")
    addresses = ["--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"]
    second = subprocess.run(
        [str(binary()), "serve", "--data", str(server.data), *addresses],
        cwd=work,
        env=clean_environment(MINILAB_ACCESS_KEY=ACCESS_KEY, MINILAB_SECRET_KEY=SECRET_KEY),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode > 0
    assert "ready" not in second.stdout.splitlines()
    assert str(server.data) in second.stderr
    assert re.search(r"another|in use|already|locked", second.stderr), second.stderr
    assert server.s3().get_object(Bucket="local-bucket", Key="k")["Body"].read() == b"content"


def test_an_address_in_use_is_named(serve, work):
    server = serve("thumbnail")
    taken = server.s3_url.removeprefix("http://")
    second = subprocess.run(
        [str(binary()), "serve", "--data", str(work / "data"), "--s3-addr", taken, "--web-addr", "127.0.0.1:0"],
        cwd=work,
        env=clean_environment(MINILAB_ACCESS_KEY=ACCESS_KEY, MINILAB_SECRET_KEY=SECRET_KEY),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode > 0
    assert taken in second.stderr


def test_credentials_are_made_once_kept_private_and_told_once(serve):
    server = serve("thumbnail", credentials=False)

    def told():
        return CREDENTIALS.search(server.output())

    access_key, secret_key = until(told, "the credentials to be printed", seconds=10).groups()
    assert s3_client(server.s3_url, access_key, secret_key).list_buckets()["Buckets"]
    keepers = [p for p in server.data.rglob("*") if p.is_file() and secret_key.encode() in p.read_bytes()]
    assert keepers
    assert {stat.S_IMODE(path.stat().st_mode) for path in keepers} == {0o600}
    assert server.stop() == 0
    server.log_path.unlink()
    server.start()
    assert secret_key not in server.output()
    assert s3_client(server.s3_url, access_key, secret_key).list_buckets()["Buckets"]
