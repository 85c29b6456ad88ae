"""ListObjects, both versions: order, prefix, delimiter, pages."""

import pytest

pytestmark = pytest.mark.s3

KEYS = [
    "a",
    "a+b",
    "asdf",
    "boo/bar",
    "boo/baz/x",
    "boo/baz/y",
    "cquux/thud",
    "cquux/bla",
    "quux ä/1",
    "quux ä/2",
    "z/",
    "z/z",
    "~last",
    "ü",
    "😀",
]
IN_ORDER = sorted(KEYS, key=lambda key: key.encode())


@pytest.fixture(scope="module")
def filled(s3):
    name = "listing-tests"
    s3.create_bucket(Bucket=name)
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def names(page):
    return [o["Key"] for o in page.get("Contents", [])], [p["Prefix"] for p in page.get("CommonPrefixes", [])]


def expected(prefix="", delimiter=""):
    """The same listing, worked out in the plainest way."""
    found, common = [], []
    for key in IN_ORDER:
        if not key.startswith(prefix):
            continue
        head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if mark:
            group = prefix + head + mark
            if group not in common:
                common.append(group)
        else:
            found.append(key)
    return found, common


CASES = [
    ("", ""),
    ("boo/", ""),
    ("", "/"),
    ("boo/", "/"),
    ("boo", "/"),
    ("nothing", "/"),
    ("z/", "/"),
    ("quux ä", ""),
    ("", "a"),
    ("c", "ux/"),
]


@pytest.mark.parametrize("prefix, delimiter", CASES)
@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_prefix_and_delimiter(s3, filled, version, prefix, delimiter):
    page = getattr(s3, version)(Bucket=filled, Prefix=prefix, Delimiter=delimiter)
    assert names(page) == expected(prefix, delimiter)
    assert page["IsTruncated"] is False


@pytest.mark.parametrize("prefix, delimiter", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_pages_put_together_are_the_whole(s3, filled, version, prefix, delimiter, size):
    paginator = s3.get_paginator(version)
    found, common = [], []
    for page in paginator.paginate(
        Bucket=filled, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    ):
        some, groups = names(page)
        assert len(some) + len(groups) <= size
        if version == "list_objects_v2":
            assert page["KeyCount"] == len(some) + len(groups)
        found += some
        common += groups
    assert (found, common) == expected(prefix, delimiter)


def test_an_entry_says_size_etag_and_time(s3, filled):
    by_key = {o["Key"]: o for o in s3.list_objects_v2(Bucket=filled)["Contents"]}
    head = s3.head_object(Bucket=filled, Key="boo/bar")
    entry = by_key["boo/bar"]
    assert (entry["Size"], entry["ETag"]) == (7, head["ETag"])
    assert abs((entry["LastModified"] - head["LastModified"]).total_seconds()) < 1


def test_start_after_and_marker_are_exclusive_and_need_not_exist(s3, filled):
    after = [key for key in IN_ORDER if key > "boo/baz/x"]
    assert names(s3.list_objects_v2(Bucket=filled, StartAfter="boo/baz/x"))[0] == after
    assert names(s3.list_objects(Bucket=filled, Marker="boo/baz/x"))[0] == after
    assert names(s3.list_objects_v2(Bucket=filled, StartAfter="boo/baz/xx"))[0] == after


def test_zero_keys_is_an_empty_complete_page(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (names(page), page["KeyCount"], page["IsTruncated"]) == (([], []), 0, False)


def test_url_encoding_of_keys(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, EncodingType="url")
    assert page["EncodingType"] == "url"
    listed = names(page)[0]
    assert "a%2Bb" in listed
    assert "%F0%9F%98%80" in listed


def test_an_empty_bucket(s3, bucket):
    page = s3.list_objects_v2(Bucket=bucket)
    assert (names(page), page["KeyCount"], page["IsTruncated"]) == (([], []), 0, False)
