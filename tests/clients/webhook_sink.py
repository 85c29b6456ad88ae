"""A receiver of webhooks: keeps what it is sent, answers as it is told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus


class Delivery:
    """One request as it came."""

    def __init__(self, path, headers, body):
        self.path = path
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def id(self):
        return self.headers["webhook-id"]

    def json(self):
        return json.loads(self.body)


class WebhookSink:
    """Answers with each of `statuses` in turn, and with 200 after them. A status may have headers: `(302, {…})`."""

    def __init__(self, *statuses, port=0):
        self.deliveries = []
        self._statuses = list(statuses)
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, headers = sink._next(Delivery(self.path, self.headers, body))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _next(self, delivery):
        with self._lock:
            self.deliveries.append(delivery)
            answer = self._statuses.pop(0) if self._statuses else 200
        return answer if isinstance(answer, tuple) else (answer, {})

    def events(self):
        """(type, key) of each CloudEvent that came."""
        return [(d.json()["type"], d.json()["data"]["key"]) for d in self.deliveries]

    def record_keys(self):
        """Keys in the S3 records that came, as a handler written for S3 reads them."""
        return [unquote_plus(r["s3"]["object"]["key"]) for d in self.deliveries for r in d.json()["Records"]]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
