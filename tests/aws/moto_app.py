"""moto as a process: `moto_app.py PORT [LOG]`. The same application that `moto_server` runs, with one difference.

moto answers each request in a thread and takes no locks. It checks a condition and then writes, and a transaction that
fails puts back a copy of the table that it made at its beginning, which undoes whatever was written meanwhile. The real
S3 and DynamoDB do each operation at once or not at all, and so do these: one request at a time.

With LOG, each answered request is a line of JSON there.
"""

import json
import signal
import sys
import threading
import time
from contextlib import nullcontext

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

# Services by the name in a request's signature. A receive from SQS waits for messages, so that one stays as it is.
AT_ONCE = {"s3": threading.RLock(), "dynamodb": threading.RLock()}


class Quiet(MotoRequestHandler):
    # Connections stay open, as with the real services; without it each request pays for a new one.
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


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

    return answered

    return answer


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    application = DomainDispatcherApplication(create_backend_app)
    log = open(sys.argv[2], "w") if len(sys.argv) > 2 else None
    run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time(application, log), threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    main()
