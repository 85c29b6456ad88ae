"""A function in plain Python, to test the test harness with: of a batch of messages it fails those that say `bad`."""

import json
import os
import urllib.request

API = os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation"


def main():
    while True:
        with urllib.request.urlopen(f"{API}/next", timeout=300) as answer:
            call = answer.headers["lambda-runtime-aws-request-id"]
            event = json.load(answer)
        if event.get("crash"):
            path, result = "error", {"errorType": "Asked", "errorMessage": "asked to"}
        elif "rawPath" in event:
            path, result = "response", {"statusCode": 203, "body": event["rawPath"] + "?" + event["rawQueryString"]}
        else:
            bad = [record["messageId"] for record in event.get("Records", []) if "bad" in record["body"]]
            path, result = "response", {"batchItemFailures": [{"itemIdentifier": name} for name in bad]}
        urllib.request.urlopen(f"{API}/{call}/{path}", json.dumps(result).encode()).close()


if __name__ == "__main__":
    main()
