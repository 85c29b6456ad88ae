"""The peer's function: the usual Python handler. One thumbnail for each object that S3 tells of, and nothing else."""

import io
import os
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

import boto3
from PIL import Image

s3 = boto3.client("s3")
DESTINATION = os.environ["DESTINATION"]


def thumbnail(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])
        source = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        out = io.BytesIO()
        with Image.open(io.BytesIO(source)) as image:
            image.draft("RGB", (128, 128))  # libjpeg shrinks while it decodes
            image.thumbnail((128, 128))
            image.save(out, "JPEG", quality=80)
        target = f"output/{PurePosixPath(key).stem}.jpg"
        s3.put_object(Bucket=DESTINATION, Key=target, Body=out.getvalue(), ContentType="image/jpeg")
