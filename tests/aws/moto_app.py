"""moto as a process: `moto_app.py PORT`. The same application that `moto_server` runs, with one difference.

moto answers each request in a thread and takes no locks. It checks a condition and then writes, and a transaction that
fails puts back a copy of the table that it made at its beginning, which undoes whatever was written meanwhile. The real
S3 and DynamoDB do each operation at once or not at all, and so do these: one request at a time.
"""

import signal
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

# Services by the name in a request's signature. A receive from SQS waits for messages, so that one stays as it is.
AT_ONCE = {"s3": threading.RLock(), "dynamodb": threading.RLock()}


class Quiet(MotoRequestHandler):
    # Connections stay open, as with the real services; without it each request pays for a new one.
    protocol_version = "HTTP/1.1"

    def log_request(self, *_):
        pass


def one_at_a_time(application):
    def answer(environ, start_response):
        # Credential=KEY/DATE/REGION/SERVICE/aws4_request; presigned requests have it in the query.
        credential = environ.get("HTTP_AUTHORIZATION", "") or environ.get("QUERY_STRING", "").replace("%2F", "/")
        lock = next((lock for name, lock in AT_ONCE.items() if f"/{name}/aws4_request" in credential), None)
        if lock is None:
            return application(environ, start_response)
        with lock:
            return application(environ, start_response)

    return answer


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time(application), threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    main()
