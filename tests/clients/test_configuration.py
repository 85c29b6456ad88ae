"""A configuration that cannot work is refused at start, by file, line and key."""

import subprocess

import pytest
from server import EXAMPLES, binary, clean_environment

GOOD = (EXAMPLES / "thumbnail.toml").read_text()


@pytest.fixture
def refused_start(work):
    """`refused_start(toml)` runs `serve` with it, which must end by itself; what it said on stderr."""

    def run(text):
        path = work / "shop.toml"
        path.write_text(text)
        addresses = ["--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"]
        done = subprocess.run(
            [str(binary()), "serve", "--config", str(path), "--data", str(work / "data"), *addresses],
            cwd=work,
            env=clean_environment(MINILAB_ACCESS_KEY="a" * 12, MINILAB_SECRET_KEY="b" * 24),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode not in (0, 101) and done.returncode > 0, f"{done.returncode}: {done.stderr}"
        assert "ready" not in done.stdout.splitlines()
        assert "panicked" not in done.stderr
        return done.stderr

    return run


def line_of(text, part):
    (number,) = [n for n, line in enumerate(text.splitlines(), 1) if part in line]
    return number


UNKNOWN = [
    # replaced, by, the wrong key, the nearest right one
    ('buckets = ["local-bucket"]', 'bukets = ["local-bucket"]', "bukets", "buckets"),
    ('prefix = "input/"', 'prefx = "input/"', "prefx", "prefix"),
    ("[[rules]]", "[[rule]]", "rule", "rules"),
    ("quality = 80", "qualty = 80", "qualty", "quality"),
    ("width = 128", "widht = 128", "widht", "width"),
    ("resize = {", "resise = {", "resise", "resize"),
]


@pytest.mark.parametrize("old, new, wrong, near", UNKNOWN, ids=[row[2] for row in UNKNOWN])
def test_an_unknown_key_names_file_line_and_nearest_key(refused_start, old, new, wrong, near):
    text = GOOD.replace(old, new)
    assert text != GOOD
    said = refused_start(text)
    assert f"shop.toml:{line_of(text, new)}" in said or f"line {line_of(text, new)}" in said
    assert "shop.toml" in said
    assert f"`{wrong}`" in said or f'"{wrong}"' in said
    assert f"`{near}`" in said or f'"{near}"' in said


def test_an_unknown_key_in_a_notification(refused_start):
    text = GOOD + '\n[[notifications]]\non = ["image.processed"]\nwebhok = { url = "http://127.0.0.1:9/" }\n'
    said = refused_start(text)
    assert "webhook" in said and "shop.toml" in said


IMPOSSIBLE = [
    ("quality = 80", "quality = 101", "quality"),
    ("quality = 80", 'quality = "high"', "quality"),
    ("width = 128", "width = 0", "width"),
    ("width = 128", "width = 100000", "width"),
    ("width = 128", "width = -5", "width"),
    ('fit = "inside"', 'fit = "squash"', "squash"),
    ('format = "jpeg"', 'format = "tiff"', "tiff"),
    ('format = "jpeg"', 'format = "avif"', "avif"),
    ("{stem}", "{stm}", "{stm}"),
    ("{stem}", "{stem", "{"),
    ('key = "output/{stem}_thumbnail.{ext}"', 'key = ""', "key"),
    ('events = ["s3:ObjectCreated:*"]', 'events = ["s3:ObjectMade:*"]', "s3:ObjectMade:*"),
    ('name = "thumbnail"', 'name = ""', "name"),
    ('bucket = "local-bucket" #', 'bucket = "elsewhere" #', "elsewhere"),
    ('buckets = ["local-bucket"]', 'buckets = ["Not_A_Bucket"]', "Not_A_Bucket"),
]


@pytest.mark.parametrize("old, new, told", IMPOSSIBLE, ids=[row[1] for row in IMPOSSIBLE])
def test_an_impossible_value_is_refused_with_its_place(refused_start, old, new, told):
    text = GOOD.replace(old, new)
    assert text != GOOD
    said = refused_start(text)
    assert "shop.toml" in said
    assert told in said


def test_two_variants_with_one_key_are_refused(refused_start):
    second = GOOD[GOOD.index("[[rules.variants]]") :].replace('name = "thumb"', 'name = "second"')
    said = refused_start(GOOD + "\n" + second)
    assert "thumb" in said and "second" in said


def test_broken_toml_names_the_line(refused_start):
    said = refused_start('[server]\nbuckets = ["a-bucket"\n')
    assert "shop.toml" in said
    assert ":2" in said or "line 2" in said or ":3" in said or "line 3" in said


def test_a_missing_file_is_named(work):
    done = subprocess.run(
        [str(binary()), "serve", "--config", "absent.toml", "--data", "data"],
        cwd=work,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode > 0
    assert "absent.toml" in done.stderr


def rule(name, bucket, prefix, to_bucket, key):
    return (
        f'[[rules]]\nname = "{name}"\nbucket = "{bucket}"\nprefix = "{prefix}"\n'
        f'[[rules.variants]]\nname = "{name}-out"\nbucket = "{to_bucket}"\nkey = "{key}"\n'
        "steps = [{ resize = { width = 64, height = 64 } }]\n"
    )


LOOPS = {
    "itself": (rule("thumbs", "one", "in/", "one", "in/small/{name}"), ["thumbs → thumbs"]),
    "no-prefix": (rule("thumbs", "one", "", "one", "small/{name}"), ["thumbs → thumbs"]),
    "by-template": (rule("thumbs", "one", "in/", "one", "{dir}/small/{name}"), ["thumbs → thumbs"]),
    "two-rules": (
        rule("forth", "one", "a/", "two", "b/{name}") + rule("back", "two", "b/", "one", "a/{name}"),
        ["forth", "back", "→"],
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_refused_and_shown(refused_start, name):
    rules, told = LOOPS[name]
    said = refused_start('[server]\nbuckets = ["one", "two"]\n' + rules)
    assert "loop" in said
    for part in told:
        assert part in said
