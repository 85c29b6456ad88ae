"""What the harness and the benchmark share: credentials, default limits, the table."""

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def limits(attempts=5):
    """`Limits::default()` as it stands in a bundle, but for the number of attempts."""
    return {
        "decode": {
            "pixels": 100_000_000,
            "side": 30_000,
            "source_bytes": 100_000_000,
            "icc_bytes": 4 << 20,
            "exif_bytes": 1 << 20,
            "frames": 100,
            "wall_time": {"secs": 20, "nanos": 0},
        },
        "output": {"side": 16_383, "pixels": 50_000_000, "avif_pixels": 12_000_000},
        "delivery": {
            "attempts": attempts,
            "lease": {"secs": 60, "nanos": 0},
            "heartbeat": {"secs": 15, "nanos": 0},
            "dead_letter_retention": {"secs": 14 * 24 * 3600, "nanos": 0},
        },
        "lanes": {"small_bytes": 64 << 20},
    }


def make_table(dynamodb, name):
    """The table with its indexes and stream, names as in crates/aws/src/table.rs. Returns the ARN of the stream."""
    strings = ["ImageId", "Collection", "SizeKey", "ObjectKey", "CreatedKey"]

    def index(index_name, sort_key):
        keys = [{"AttributeName": "Collection", "KeyType": "HASH"}, {"AttributeName": sort_key, "KeyType": "RANGE"}]
        return {"IndexName": index_name, "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}

    made = dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": text, "AttributeType": "S"} for text in strings],
        KeySchema=[{"AttributeName": "ImageId", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[index("by-size", "SizeKey"), index("by-key", "ObjectKey"), index("by-time", "CreatedKey")],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return made["TableDescription"]["LatestStreamArn"]
