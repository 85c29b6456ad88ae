"""The template that `minilab aws template` prints: cfn-lint finds nothing, and moto makes a stack of it.

moto knows a part of CloudFormation: it says CREATE_COMPLETE though it leaves out queue policies, the HTTP API, alarms and
notifications of buckets. The test shows that references resolve and that the resources which moto knows come out with the
properties that the functions rely on; it is no proof that AWS takes the template.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import cfnlint.decode.cfn_yaml
import moto
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "examples/aws.toml").read_text()

# What the example does not say, so that every part of a template is looked at.
VARIATIONS = {
    "example": "",
    "everything": """
events = "eventbridge"
tracing = true
vpc = "interface"
api_auth = "jwt"
jwt_issuer = "https://login.example.com"
jwt_audience = ["photos"]
cors_origins = ["https://photos.example.com"]
intelligent_tiering_days = 30
point_in_time_recovery = true
""",
    "existing": """
existing_buckets = ["photos", "prints"]
table_exists = true
vpc = "gateway"
""",
}


def minilab() -> Path:
    path = Path(os.environ.get("MINILAB_BIN", ROOT / "target/release/minilab")).resolve()
    assert path.is_file(), f"{path} is not there: build it, or set MINILAB_BIN"
    return path


def template(directory: Path, *arguments: str, variation: str = "") -> str:
    configuration = directory / "aws.toml"
    configuration.write_text(EXAMPLE.replace('name = "photolab"\n', f'name = "photolab"\n{variation}', 1))
    command = [minilab(), "aws", "template", "--config", configuration, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_cfn_lint_finds_nothing(tmp_path):
    files = []
    for variation, text in VARIATIONS.items():
        # JSON is read in a fraction of the time, so that YAML is looked at once; `test_both_formats_say_the_same` does the rest.
        for output in ("yaml", "json") if variation == "existing" else ("json",):
            files.append(tmp_path / f"{variation}.{output}")
            files[-1].write_text(template(tmp_path, "--format", output, variation=text))
    # One run for all: most of its time goes into reading the specification.
    linter = Path(sys.executable).with_name("cfn-lint")
    command = [linter, "--regions", "eu-central-1", "--", *files]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("variation", VARIATIONS.values(), ids=VARIATIONS)
def test_both_formats_say_the_same(tmp_path, variation):
    yaml, text = (template(tmp_path, "--format", output, variation=variation) for output in ("yaml", "json"))
    assert cfnlint.decode.cfn_yaml.loads(yaml) == json.loads(text)


def test_the_same_configuration_gives_the_same_template(tmp_path):
    assert template(tmp_path) == template(tmp_path)


def test_rules_that_feed_each_other_are_refused(tmp_path):
    configuration = tmp_path / "loop.toml"
    configuration.write_text(
        """
[[rules]]
name = "there"
bucket = "photos"
[[rules.variants]]
name = "copy"
bucket = "prints"
key = "{key}"

[[rules]]
name = "back"
bucket = "prints"
[[rules.variants]]
name = "copy"
bucket = "photos"
key = "{key}"
"""
    )
    result = subprocess.run([minilab(), "aws", "template", "--config", configuration], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "there → back → there" in result.stderr and "loop.toml:2" in result.stderr
    assert result.stdout == ""


@pytest.fixture
def account(monkeypatch):
    """An account of moto's, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    # Without Docker there is nothing to run code in, and none is run here.
    with moto.mock_aws(config={"lambda": {"use_docker": False}}):
        yield


def test_moto_makes_a_stack_of_it(tmp_path, account):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="code", Key="bootstrap.zip", Body=b"PK\x05\x06" + bytes(18))
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="photolab",
        TemplateBody=template(tmp_path, "--format", "json"),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": "CodeBucket", "ParameterValue": "code"},
            {"ParameterKey": "CodeKey", "ParameterValue": "bootstrap.zip"},
        ],
    )
    stack = cloudformation.describe_stacks(StackName="photolab")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert {"acme-photolab-photos", "acme-photolab-prints"} <= buckets

    table = boto3.client("dynamodb").describe_table(TableName="ImageMetadata")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "ImageId", "KeyType": "HASH"}]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == {"by-size", "by-key", "by-time"}
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"

    sqs = boto3.client("sqs")
    queue = sqs.get_queue_attributes(QueueUrl=outputs["IngestQueueUrl"], AttributeNames=["All"])["Attributes"]
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 5
    assert int(queue["VisibilityTimeout"]) == 360

    functions = {f["FunctionName"]: f for f in boto3.client("lambda").list_functions()["Functions"]}
    assert set(functions) == {
        "photolab-router",
        "photolab-process-small",
        "photolab-process-medium",
        "photolab-process-large",
        "photolab-api",
        "photolab-notify",
    }
    variables = functions["photolab-process-small"]["Environment"]["Variables"]
    assert variables["MINILAB_FUNCTION"] == "process" and variables["MINILAB_TIER"] == "small"
    assert variables["MINILAB_TABLE"] == "ImageMetadata"
    assert [url.rsplit("/", 1)[1] for url in variables["MINILAB_TIER_QUEUE_URLS"].split()] == [
        "photolab-small",
        "photolab-medium",
        "photolab-large",
    ]
