"""What the engine can do, from upload to variant: formats, steps, watermarks, animations, damage."""

import io
import json
import subprocess

import photos
import pytest
from PIL import Image
from server import binary, clean_environment
from waiting import until

RULE = """
[server]
buckets = ["photos", "prints", "assets"]
[[rules]]
name = "one"
bucket = "photos"
{rule}
[[rules.variants]]
name = "v"
bucket = "prints"
key = "{{key}}.{{ext}}"
{variant}
"""


@pytest.fixture
def made(serve, processed):
    """`made(body, variant="…")` uploads a file and gives its record and the variant, opened."""

    def run(body, variant, rule="", key="source"):
        server = serve(config=RULE.format(rule=rule, variant=variant))
        s3 = server.s3()
        s3.put_object(Bucket="photos", Key=key, Body=body)
        record = processed(server, key)
        stored = record["variants"][0]
        return record, photos.opened(s3.get_object(Bucket="prints", Key=stored["key"])["Body"].read())

    return run


def moving_gif(frames=4):
    """A square that walks over a clear ground, 80 ms a frame, three times."""
    pictures = []
    for index in range(frames):
        frame = Image.new("RGBA", (120, 80))
        frame.paste((200, 30, 30, 255), (index * 20, 20, index * 20 + 30, 50))
        pictures.append(frame)
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=80, loop=3, disposal=2)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "ICO", "PNG", "WEBP", "GIF"])
def test_sources_of_every_kind_become_jpegs(made, kind):
    size = (64, 64) if kind == "ICO" else (300, 200)
    body = photos.encoded(photos.picture(*size, colour=(30, 90, 200)), kind)
    record, variant = made(body, 'steps = [{ resize = { width = 48 } }]\nformat = "jpeg"')
    assert (record["format"], record["width"]) == (kind.lower(), size[0])
    assert variant.format == "JPEG" and variant.width == 48
    assert all(abs(found - wanted) <= 3 for found, wanted in zip(variant.getpixel((20, 10)), (30, 90, 200)))


def test_a_drawing_is_drawn_at_the_size_that_is_asked_for(made):
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="10" height="10" fill="red"/></svg>'
    record, variant = made(svg, 'steps = [{ resize = { width = 400 } }]', key="logo.svg")
    assert (record["format"], record["content_type"], record["width"]) == ("svg", "image/svg+xml", 20)
    assert (variant.format, variant.size, variant.mode) == ("PNG", (400, 200), "RGBA") or variant.mode == "P"
    shown = variant.convert("RGBA")
    assert (shown.getpixel((198, 100)), shown.getpixel((202, 100))) == ((255, 0, 0, 255), (0, 0, 0, 0))


@pytest.mark.parametrize("output, kind", [("keep", "GIF"), ("webp", "WEBP")])
def test_an_animation_stays_one(made, output, kind):
    variant = f'steps = [{{ resize = {{ width = 60 }} }}]\nformat = "{output}"'
    record, moving = made(moving_gif(), variant, key="moving.gif")
    assert record["animation"]["frames"] == 4 and record["animation"]["duration_ms"] == 320
    assert (moving.format, moving.size, moving.n_frames) == (kind, (60, 40), 4)
    for index in range(4):
        moving.seek(index)
        shown = moving.convert("RGBA")
        assert shown.getpixel((index * 10 + 7, 17))[3] == 255, index
        assert shown.getpixel((55, 5))[3] == 0, index


def test_many_steps_are_done_in_order(made):
    steps = """steps = [
      { crop = { width = 400, height = 300, gravity = "north_west" } },
      { resize = { width = 200, height = 200, fit = "cover", gravity = "entropy" } },
      "grayscale", { tint = { color = "#ff0000" } }, { blur = { sigma = 1.2 } }, { rotate = { degrees = 90 } },
      { extend = { top = 10, background = "#00ff00" } }, "circle", { background = { color = "#0000ff" } },
    ]
    format = "png" """
    _, variant = made(photos.jpeg(800, 600), steps)
    assert variant.size == (200, 210)
    assert variant.convert("RGB").getpixel((0, 0)) == (0, 0, 255), "what the ellipse leaves out shows the background"


def test_a_watermark_comes_from_a_bucket_and_can_come_late(serve, processed):
    variant = 'steps = [{ watermark = { image = { bucket = "assets", key = "mark.png" }, margin = 0 } }]\nformat = "png"'
    server = serve(config=RULE.format(rule="", variant=variant))
    s3 = server.s3()
    s3.put_object(Bucket="photos", Key="a.png", Body=photos.png(100, 80, colour=(255, 255, 255)))
    failed = processed(server, "a.png", state="failed")
    assert failed["failures"][0]["cause"] == "recipe" and "assets/mark.png" in failed["failures"][0]["error"]
    s3.put_object(Bucket="assets", Key="mark.png", Body=photos.png(10, 10, colour=(200, 0, 0)))
    retry = [str(binary()), "jobs", "retry", "--cause", "recipe", "--data", str(server.data)]
    subprocess.run(retry, check=True, env=clean_environment(), capture_output=True)
    until(lambda: server.record("a.png")["state"] == "processed", "the retry to have worked")
    marked = photos.opened(s3.get_object(Bucket="prints", Key="a.png.png")["Body"].read()).convert("RGB")
    assert (marked.getpixel((95, 75)), marked.getpixel((80, 75))) == ((200, 0, 0), (255, 255, 255))


def test_damage_is_taken_when_it_is_tolerated(made, serve, processed):
    cut = photos.truncated_jpeg()
    record, variant = made(cut, 'steps = [{ resize = { width = 100 } }]\nformat = "jpeg"', rule="tolerant = true")
    assert record["incomplete"] is True and variant.size == (100, 75)
    strict = serve(config=RULE.format(rule="", variant='format = "png"'))
    strict.s3().put_object(Bucket="photos", Key="cut.jpg", Body=cut)
    assert "at byte" in processed(strict, "cut.jpg", state="failed")["failures"][0]["error"]


def test_what_is_described_is_what_was_asked_for(made):
    fields = ["blurhash", "palette", "perceptual_hash", "is_opaque", "entropy"]
    record, _ = made(photos.png(200, 100, mode="RGBA"), 'format = "webp"', rule=f"describe = {json.dumps(fields)}")
    assert record["is_opaque"] is False and len(record["perceptual_hash"]) == 16 and 0 < record["entropy"] <= 8
    assert record["blurhash"] and record["palette"][0]["share"] > 0 and "thumbhash" not in record


def test_metadata_is_kept_as_asked(made):
    body = photos.jpeg_with_exif(gps=True)
    _, kept = made(body, 'format = "jpeg"\nmetadata = "keep"')
    exif = kept.getexif()
    assert exif[photos.MODEL] == "Darkroom 7" and exif.get(photos.ORIENTATION, 1) == 1
    assert photos.GPS_INFO not in exif
    _, stripped = made(body, 'steps = ["flip"]\nformat = "jpeg"')
    assert not stripped.getexif()


@pytest.mark.parametrize(
    "variant, complaint",
    [
        ('steps = [{ blur = { sigma = 0 } }]', "blur.sigma is 0"),
        ('steps = ["polish"]', "polish"),
        ('steps = [{ resize = { width = 10, fit = "cover" } }]', "both width and height"),
        ('format = "jpeg"\nlossless = true', "lossless says nothing in jpeg"),
        ('format = "auto"', "needs accept"),
        ('format = "png"\nmax_bytes = 1000', "max_bytes"),
    ],
)
def test_recipes_that_cannot_work_are_refused_with_their_line(tmp_path, variant, complaint):
    file = tmp_path / "minilab.toml"
    file.write_text(RULE.format(rule="", variant=variant))
    done = subprocess.run(
        [str(binary()), "rules", "check", "--config", str(file)], env=clean_environment(), capture_output=True, text=True
    )
    told = done.stdout + done.stderr
    assert done.returncode != 0 and complaint in told and "minilab.toml:" in told, told
