"""The peer's function: one thumbnail for each object that arrives under input/."""

import io
import os
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import boto3
from botocore.config import Config
from PIL import Image

s3 = boto3.client(
    "s3",
    endpoint_url=os.environ["PEER_S3_ENDPOINT"],
    aws_access_key_id="S3RVER",
    aws_secret_access_key="S3RVER",
    region_name="us-east-1",
    # s3rver knows no checksum trailers.
    config=Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    ),
)


def thumbnail(event, context):
    made = 0
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        source = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        out = io.BytesIO()
        with Image.open(io.BytesIO(source)) as image:
            image.draft("RGB", (128, 128))  # libjpeg shrinks while it decodes
            image.thumbnail((128, 128))
            image.save(out, "JPEG", quality=80)
        target = f"output/{PurePosixPath(key).stem}_thumbnail.jpg"
        s3.put_object(Bucket=bucket, Key=target, Body=out.getvalue(), ContentType="image/jpeg")
        made += 1
    return {"made": made}
