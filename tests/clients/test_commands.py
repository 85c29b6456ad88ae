"""The commands that need no running server: inspect, develop, stats, fsck, and help."""

import json
import subprocess

import photos
import pytest
from server import EXAMPLES, binary, clean_environment


@pytest.fixture
def minilab(work):
    def run(*words, code=0, timeout=120):
        done = subprocess.run(
            [str(binary()), *map(str, words)],
            cwd=work,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert "panicked" not in done.stderr
        return done

    return run


def test_help_and_version(minilab):
    said = minilab("--help").stdout
    for command in ("serve", "demo", "develop", "inspect", "jobs", "notifications", "stats", "fsck"):
        assert command in said
    assert minilab("--version").stdout.startswith("minilab 0.")
    assert minilab("serve", "--help").stdout
    assert "srve" in minilab("srve", code=2).stderr


# ---- inspect


def test_inspect_prints_an_object_a_line(minilab, work):
    (work / "a.jpg").write_bytes(photos.jpeg_with_exif(320, 200, orientation=8))
    (work / "b.txt").write_bytes(photos.png(30, 40, mode="RGBA"))
    lines = [json.loads(line) for line in minilab("inspect", "a.jpg", "b.txt").stdout.splitlines()]
    assert [(m["format"], m["width"], m["height"]) for m in lines] == [("jpeg", 320, 200), ("png", 30, 40)]
    assert [m["has_alpha"] for m in lines] == [False, True]
    assert lines[0]["orientation"] == 8
    assert "Darkroom 7" in json.dumps(lines[0]["exif"])


def test_inspect_goes_on_after_a_bad_file_and_exits_1(minilab, work):
    (work / "bad.jpg").write_bytes(b"no image")
    (work / "good.jpg").write_bytes(photos.jpeg(32, 16))
    done = minilab("inspect", "bad.jpg", "absent.jpg", "good.jpg", code=1)
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["width"] == 32
    assert "bad.jpg" in done.stderr and "absent.jpg" in done.stderr


# ---- develop


def results(folder):
    found = [path for path in folder.rglob("*") if path.is_file()]
    return sorted((path.stem, *what(path)) for path in found)


def what(path):
    image = photos.opened(path.read_bytes())
    return image.format, image.size


def test_develop_a_folder(minilab, work):
    (work / "in" / "deeper").mkdir(parents=True)
    (work / "in" / "a.jpg").write_bytes(photos.jpeg(800, 600))
    (work / "in" / "deeper" / "b.png").write_bytes(photos.png(600, 800))
    done = minilab("develop", "in", "--out", "out", "--size", "128x128", "--format", "webp", "--quality", "70")
    made = results(work / "out")
    assert [(kind, size) for _, kind, size in made] == [("WEBP", (128, 96)), ("WEBP", (96, 128))]
    assert "2" in done.stdout + done.stderr


def test_develop_with_a_fit(minilab, work):
    (work / "a.jpg").write_bytes(photos.jpeg(800, 600))
    sizes = {"inside": (100, 75), "cover": (100, 80), "contain": (100, 80), "fill": (100, 80)}
    for fit, size in sizes.items():
        minilab("develop", "a.jpg", "--out", f"out-{fit}", "--size", "100x80", "--fit", fit, "--format", "png")
        assert [s for _, _, s in results(work / f"out-{fit}")] == [size]


def test_develop_by_the_rules_of_a_file(minilab, work):
    (work / "photo.jpg").write_bytes(photos.jpeg(1200, 900))
    minilab("develop", "photo.jpg", "--out", "out", "--rules", EXAMPLES / "sizes.toml", "--jobs", "2")
    assert sorted((kind, size) for _, kind, size in results(work / "out")) == [
        ("JPEG", (128, 96)),
        ("JPEG", (512, 384)),
        ("PNG", (320, 240)),
        ("WEBP", (256, 256)),
    ]


def test_develop_names_each_failure_once_and_exits_1(minilab, work):
    (work / "bad.jpg").write_bytes(b"no image")
    (work / "bomb.png").write_bytes(photos.huge_png_header())
    (work / "good.jpg").write_bytes(photos.jpeg(200, 100))
    done = minilab("develop", "bad.jpg", "bomb.png", "good.jpg", "--out", "out", "--size", "64x64", code=1)
    lines = (done.stdout + done.stderr).splitlines()
    assert len([line for line in lines if "bad.jpg" in line]) == 1
    assert len([line for line in lines if "bomb.png" in line]) == 1
    assert len(results(work / "out")) == 1


def test_develop_says_what_is_wrong_with_its_options(minilab, work):
    (work / "a.jpg").write_bytes(photos.jpeg(20, 20))
    assert "--size" in minilab("develop", "a.jpg", "--out", "o", "--size", "big", code=2).stderr
    assert "--quality" in minilab("develop", "a.jpg", "--out", "o", "--size", "8x8", "--quality", "0", code=2).stderr
    assert "--out" in minilab("develop", "a.jpg", code=2).stderr


# ---- stats and fsck, on a data directory whose server has stopped


@pytest.fixture
def stopped(serve, processed):
    """A stopped server with two images and one large object beside them."""
    server = serve("thumbnail")
    s3 = server.s3()
    s3.put_object(Bucket="local-bucket", Key="input/a.jpg", Body=photos.jpeg())
    s3.put_object(Bucket="local-bucket", Key="input/b.png", Body=photos.png())
    s3.put_object(Bucket="local-bucket", Key="other/large.bin", Body=photos.random_bytes(3_000_000))
    processed(server, "input/a.jpg")
    processed(server, "input/b.png")
    server.seen = server.statistics()
    assert server.stop() == 0
    return server


def test_stats(minilab, stopped):
    found = json.loads(minilab("stats", "--data", stopped.data, "--json").stdout)
    (bucket,) = [row for row in found["buckets"] if row["bucket"] == "local-bucket"]
    assert bucket["images"] == stopped.seen
    # Two sources, their thumbnails, and what no rule matched.
    assert bucket["objects"] == 5
    assert found["jobs"] == {"ready": 0, "leased": 0, "waiting": 0, "dead": 0}
    said = minilab("stats", "--data", stopped.data).stdout
    assert "jpeg" in said and "png" in said


def test_stats_of_no_data_directory(minilab, work):
    done = minilab("stats", "--data", work / "nothing", code=1)
    assert "nothing" in done.stderr
    assert not (work / "nothing").exists()


def test_fsck_finds_nothing_wrong(minilab, stopped):
    minilab("fsck", "--data", stopped.data)
    json.loads(minilab("fsck", "--data", stopped.data, "--json").stdout)


def largest_blob(data):
    return max((path for path in (data / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("damage", ["flipped", "shortened", "gone"])
def test_fsck_names_what_is_damaged(minilab, stopped, damage):
    blob = largest_blob(stopped.data)
    body = blob.read_bytes()
    if damage == "flipped":
        blob.write_bytes(body[:1000] + bytes([body[1000] ^ 1]) + body[1001:])
    elif damage == "shortened":
        blob.write_bytes(body[:-1])
    else:
        blob.unlink()
    done = minilab("fsck", "--data", stopped.data, code=1)
    assert "other/large.bin" in done.stdout + done.stderr
    told = minilab("fsck", "--data", stopped.data, "--json", code=1)
    assert "other/large.bin" in told.stdout
    json.loads(told.stdout)


def test_fsck_of_no_data_directory(minilab, work):
    assert "nothing" in minilab("fsck", "--data", work / "nothing", code=1).stderr
