"""What the gateway does not do is refused with NotImplemented, never quietly accepted."""

import pytest
from s3errors import refused

CALLS = {
    "put_bucket_website": {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
    "get_bucket_website": {},
    "get_bucket_analytics_configuration": {"Id": "a"},
    "put_bucket_accelerate_configuration": {"AccelerateConfiguration": {"Status": "Enabled"}},
    "get_bucket_inventory_configuration": {"Id": "a"},
    "get_bucket_replication": {},
    "get_object_torrent": {"Key": "k"},
    "restore_object": {"Key": "k", "RestoreRequest": {"Days": 1}},
}


@pytest.mark.parametrize("name", CALLS)
def test_an_operation_that_is_not_there(s3, bucket, name):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("NotImplemented", status=501):
        getattr(s3, name)(Bucket=bucket, **CALLS[name])
