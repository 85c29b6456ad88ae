"""moto as a process: `moto_app.py PORT [LOG]`. The same application that `moto_server` runs, with three differences.

moto answers each request in a thread and takes no locks. It checks a condition and then writes, a transaction that fails
puts back a copy of the table that it made at its beginning, which undoes whatever was written meanwhile, and a message that
arrives in a queue while another is deleted can be lost. The real services do each operation at once or not at all, and so
do these: one request at a time (but for the time that a receive waits), and the conditions of a transaction are looked at
before anything of it is done, which also saves the copy with all that the stream has ever told.

Connections stay open, as with the real services. Werkzeug closes each after one answer, which costs its client another
connection and moto another thread.

What moto finds out again and again is remembered: which service a name is, and the time by a quicker clock.

With LOG, each answered request is a line of JSON there.
"""

import copy
import functools
import io
import json
import signal
import sys
import threading
import time
import traceback

from moto.dynamodb import models
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import ConditionalCheckFailed, TransactionCanceledException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sqs import models as sqs
from werkzeug.serving import run_simple

# Whose turn it is.
ONE = threading.Lock()


class Persistent(MotoRequestHandler):
    """Reads a request to its end, so that another can follow, and answers in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_expect_100(self):
        # `run_wsgi` says so, and once is enough.
        return True

    def run_wsgi(self):
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        environ = self.make_environ()
        # A body in chunks ends by itself; any other is as long as it says.
        length = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        begun = []
        try:
            answer = self.server.app(environ, lambda status, headers, _=None: begun.extend((status, headers)))
            body = b"".join(answer)
            getattr(answer, "close", lambda: None)()
            status, headers = begun
        except Exception:
            # What moto does not know, for one; its log has it, too.
            status, headers, body = "500 Internal Server Error", [], traceback.format_exc().encode()
            sys.stderr.write(body.decode())
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in names and code not in ("204", "304"):
            self.send_header("Content-Length", str(len(body)))
        self._headers_buffer.append(b"\r\n" + (b"" if self.command == "HEAD" else body))
        self.flush_headers()


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


def let_others_in_while_waiting():
    wait = sqs.Queue.wait_for_messages

    def wait_for_messages(self, timeout):
        ONE.release()
        try:
            wait(self, timeout)
        finally:
            ONE.acquire()

    sqs.Queue.wait_for_messages = wait_for_messages


def remember():
    # It looks into the directory of its modules for each request,
    DomainDispatcherApplication.get_backend_for_host = functools.cache(DomainDispatcherApplication.get_backend_for_host)
    # and at the clock twice for each message of a queue.
    sqs.unix_time, sqs.unix_time_millis = time.time, lambda: time.time() * 1000


def service(environ):
    """The service that a request is signed for."""
    # Credential=KEY/DATE/REGION/SERVICE/aws4_request; presigned requests have it in the query.
    credential = environ.get("HTTP_AUTHORIZATION", "") or environ.get("QUERY_STRING", "").replace("%2F", "/")
    parts = credential.split("/aws4_request")[0].rsplit("/", 1)
    return parts[-1] if len(parts) == 2 else ""


def one_at_a_time(application, log):
    def answer(environ, start_response):
        begin = time.monotonic_ns()
        with ONE:
            answered = application(environ, start_response)
        if log:
            told = {"service": service(environ), "method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"]}
            told |= {"target": environ.get("HTTP_X_AMZ_TARGET"), "begin_ns": begin, "end_ns": time.monotonic_ns()}
            log.write(json.dumps(told) + "\n")
            log.flush()
        return answered

    return answer


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    check_transactions_first()
    let_others_in_while_waiting()
    remember()
    application = DomainDispatcherApplication(create_backend_app)
    log = open(sys.argv[2], "w") if len(sys.argv) > 2 else None
    run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time(application, log), threaded=True, request_handler=Persistent)


if __name__ == "__main__":
    main()
