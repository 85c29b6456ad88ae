"""moto as a process: `moto_app.py PORT [LOG]`. The same application that `moto_server` runs, with two differences.

moto answers each request in a thread and takes no locks. It checks a condition and then writes, and a transaction that
fails puts back a copy of the table that it made at its beginning, which undoes whatever was written meanwhile. The real
S3 and DynamoDB do each operation at once or not at all, and so do these: one request at a time, and the conditions of a
transaction are looked at before anything of it is done, which also saves the copy with all that the stream has ever told.

With LOG, each answered request is a line of JSON there.
"""

import copy
import json
import signal
import sys
import threading
import time
from contextlib import nullcontext

from moto.dynamodb import models
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import ConditionalCheckFailed, TransactionCanceledException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

# Services by the name in a request's signature. A receive from SQS waits for messages, so that one stays as it is.
AT_ONCE = {"s3": threading.RLock(), "dynamodb": threading.RLock()}


class Quiet(MotoRequestHandler):
    # Connections stay open, as with the real services; without it each request pays for a new one.
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


class Copies:
    """Stands for the module `copy` in moto's tables: a table is not copied."""

    @staticmethod
    def deepcopy(value):
        return value if isinstance(value, models.Table) else copy.deepcopy(value)

    copy = staticmethod(copy.copy)


def refusal(backend, operation):
    """Why one part of a transaction cannot be, as moto tells it; three times None when it can."""
    kind, part = next(iter(operation.items()))
    condition = part.get("ConditionExpression")
    if condition is None:
        return None, None, None
    table = backend.get_table(part["TableName"])
    key = part["Key"] if kind != "Put" else {table.hash_key_attr: part["Item"][table.hash_key_attr]}
    current = backend.get_item(part["TableName"], key)
    names, values = part.get("ExpressionAttributeNames"), part.get("ExpressionAttributeValues")
    if get_filter_expression(condition, names, values).expr(current):
        return None, None, None
    shown = part.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and current
    return "ConditionalCheckFailed", str(ConditionalCheckFailed().message), current.to_json()["Attributes"] if shown else None


def check_transactions_first():
    done = models.DynamoDBBackend.transact_write_items

    def transact_write_items(self, transact_items):
        refusals = [refusal(self, operation) for operation in transact_items]
        if any(code for code, _, _ in refusals):
            raise TransactionCanceledException(refusals)
        done(self, transact_items)

    models.DynamoDBBackend.transact_write_items = transact_write_items
    models.copy = Copies


def service(environ):
    """The service that a request is signed for."""
    # Credential=KEY/DATE/REGION/SERVICE/aws4_request; presigned requests have it in the query.
    credential = environ.get("HTTP_AUTHORIZATION", "") or environ.get("QUERY_STRING", "").replace("%2F", "/")
    parts = credential.split("/aws4_request")[0].rsplit("/", 1)
    return parts[-1] if len(parts) == 2 else ""


def one_at_a_time(application, log):
    def answer(environ, start_response):
        begin = time.monotonic_ns()
        name = service(environ)
        with AT_ONCE.get(name, nullcontext()):
            answered = application(environ, start_response)
        if log:
            told = {"service": name, "method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"]}
            told |= {"target": environ.get("HTTP_X_AMZ_TARGET"), "begin_ns": begin, "end_ns": time.monotonic_ns()}
            log.write(json.dumps(told) + "\n")
            log.flush()
        return answered

    return answer


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    check_transactions_first()
    application = DomainDispatcherApplication(create_backend_app)
    log = open(sys.argv[2], "w") if len(sys.argv) > 2 else None
    run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time(application, log), threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    main()
