"""Asserting that an S3 call is refused, by its code and its HTTP status."""

from contextlib import contextmanager

from botocore.exceptions import ClientError


@contextmanager
def refused(*codes, status=None):
    """The block must raise a ClientError whose code is one of `codes` (any, when none is given).

    HEAD answers have no body, so botocore gives their status as the code: pass "404" there.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        got = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert not codes or code in codes, f"expected {codes}, got {code} ({got}): {error}"
        assert status is None or got == status, f"expected HTTP {status}, got {got}: {error}"
        return
    raise AssertionError(f"expected {codes or 'an error'}, but the call succeeded")
