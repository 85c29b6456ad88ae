"""The runtime API of one function, as exact as a clock can be: `next` waits, and when it came and the answer came is
kept. (cargo-lambda answers an idle `next` at once, so a function under it polls; that would be measured, too.)"""

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

ANSWER_SECONDS = 60


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A process that is killed leaves its connection; that is nothing to print."""


class RuntimeApi:
    """`calls` waits for the function's process; times are of CLOCK_MONOTONIC in nanoseconds."""

    def __init__(self):
        self.calls = queue.Queue()
        self.answers = queue.Queue()
        self.first_next = None
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def call(self, event):
        """Queues a call; `answer` waits for what becomes of it."""
        self.calls.put(json.dumps(event).encode())

    def answer(self):
        """given_ns, answered_ns, and body of the oldest answer."""
        answer = self.answers.get(timeout=ANSWER_SECONDS)
        if answer.failed:
            raise RuntimeError(f"the function failed: {answer.body}")
        return answer

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _handler(api):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Or the answer's headers and its body wait for each other.
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self):
                came = time.monotonic_ns()
                api.first_next = api.first_next or came
                try:
                    body = api.calls.get(timeout=ANSWER_SECONDS)
                except queue.Empty:
                    self.close_connection = True
                    return
                api.given = time.monotonic_ns()
                deadline = int((time.time() + ANSWER_SECONDS) * 1000)
                self.send_response_only(200)
                self.send_header("lambda-runtime-aws-request-id", f"{api.given}")
                self.send_header("lambda-runtime-deadline-ms", f"{deadline}")
                arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"
                self.send_header("lambda-runtime-invoked-function-arn", arn)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", f"{len(body)}")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self._body()
                answered = time.monotonic_ns()
                failed = not self.path.endswith("/response")
                self.send_response_only(202)
                self.send_header("content-length", "0")
                self.end_headers()
                self.wfile.flush()
                told = SimpleNamespace(given=getattr(api, "given", 0), answered=answered, body=body, failed=failed)
                api.answers.put(told)

            def _body(self):
                if self.headers.get("transfer-encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_message(self, *_):
                pass

        return Handler
