"""`cargo lambda watch` as the Lambda service, behind a gateway that makes it answer as Lambda does.

    user, event source → gateway → cargo lambda ← gateway ← the function's processes

cargo-lambda 1.9.2 differs from Lambda in four ways that matter to a released binary, and the gateway mends them:

- Its `next` answers 204 at once when there is nothing to do; Lambda's waits. Only debug builds of `lambda_runtime` know
  that 204, a release build takes it for an event. Every call passes through here, so `next` waits here until there is one.
- Its deadline is always the tenth minute of 1970. The gateway gives the function's own time limit from now.
- Its function ARN is always `function-arn`.
- Its function URLs send null for what is absent, and refuse answers without `cookies`. The gateway makes the event and takes
  the answer itself, in payload format 2.0.
"""

import base64
import http.client
import json
import shutil
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from processes import Child, free_port

RUNTIME = "/2018-06-01/runtime"
# Of headers, what concerns one connection only.
HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


def cargo_lambda():
    """The program of the same Python environment, else of the path."""
    beside = Path(sys.executable).parent / "cargo-lambda"
    found = str(beside) if beside.is_file() else shutil.which("cargo-lambda")
    assert found, "cargo-lambda is not there: pip install -r tests/aws/requirements.txt"
    return found


class Function:
    """What the gateway knows of a function: how many calls wait for it, and its time limit."""

    def __init__(self, arn, timeout_s):
        self.arn = arn
        self.timeout_s = timeout_s
        self.calls = threading.Semaphore(0)
        self.ready = threading.Event()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A process that is killed leaves its connection; that is nothing to print."""


class LambdaEmulator:
    """The service with its functions, as name → time limit in seconds. `directory` holds its log."""

    def __init__(self, directory, functions):
        directory.mkdir()
        arn = "arn:aws:lambda:us-east-1:123456789012:function:{}"
        self.functions = {name: Function(arn.format(name), timeout_s) for name, timeout_s in functions.items()}
        self.closing = threading.Event()
        self.inner_port = free_port()
        # It builds nothing here, but knows only functions that are binaries of a Cargo project.
        binaries = [f'[[bin]]\nname = "{name}"\npath = "main.rs"\n' for name in functions]
        manifest = '[package]\nname = "functions"\nversion = "0.0.0"\nautobins = false\n\n[workspace]\n\n' + "\n".join(binaries)
        (directory / "Cargo.toml").write_text(manifest)
        (directory / "main.rs").write_text("fn main() {}\n")
        command = [cargo_lambda(), "lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", self.inner_port]
        self.child = Child(command, directory / "cargo-lambda.log", cwd=directory)
        self.child.wait_for_port(self.inner_port)
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def runtime_api(self, name):
        """AWS_LAMBDA_RUNTIME_API of the function."""
        return f"http://127.0.0.1:{self.port}/.rt/{name}"

    def url(self, name):
        """The function's URL: plain HTTP becomes an event of API Gateway's second version."""
        return f"http://127.0.0.1:{self.port}/lambda-url/{name}"

    def invoke(self, name, payload, timeout=120):
        """(failed, answer): a synchronous call with JSON text. `failed` is an error of the function."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", f"/2015-03-31/functions/{name}/invocations", payload)
            answer = connection.getresponse()
            return answer.status != 200, answer.read().decode()
        finally:
            connection.close()

    def wait_until_ready(self, name, seconds=30):
        """Waits until a process of the function has asked for work."""
        return self.functions[name].ready.wait(seconds)

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.child.stop()

    def forward(self, method, path, headers, body):
        """The same request to cargo-lambda: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.inner_port, timeout=300)
        try:
            connection.request(method, path, body, {k: v for k, v in headers.items() if k.lower() not in HOP})
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def next(self, name, path, headers):
        """Waits for a call of the function and fetches it. None when the service closes."""
        function = self.functions[name]
        function.ready.set()
        while not function.calls.acquire(timeout=0.5):
            if self.closing.is_set():
                return None
        # The call is on its way through cargo-lambda's scheduler.
        while not self.closing.is_set():
            status, answered, body = self.forward("GET", path, headers, None)
            if status != 204:
                deadline = int((time.time() + function.timeout_s) * 1000)
                mended = {"lambda-runtime-deadline-ms": str(deadline), "lambda-runtime-invoked-function-arn": function.arn}
                kept = [(k, v) for k, v in answered if k.lower() not in mended]
                return status, kept + list(mended.items()), body
            time.sleep(0.001)
        return None

    def url_call(self, name, request, body):
        """A plain HTTP request as a call of the function: (status, headers, body) of its answer."""
        address = urlsplit(request.path)
        path = address.path.removeprefix(f"/lambda-url/{name}")
        http_part = {"method": request.command, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "-"}
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": address.query,
            "headers": {header.lower(): value for header, value in request.headers.items()},
            "requestContext": {
                "accountId": "anonymous",
                "apiId": name,
                "domainName": f"{name}.lambda-url.us-east-1.on.aws",
                "domainPrefix": name,
                "http": http_part,
                "requestId": f"{time.monotonic_ns()}",
                "routeKey": "$default",
                "stage": "$default",
                "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
                "timeEpoch": int(time.time() * 1000),
            },
            "isBase64Encoded": False,
        }
        if body:
            event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        failed, text = self.invoke(name, json.dumps(event))
        if failed:
            return 502, [], text.encode()
        answer = json.loads(text)
        content = answer.get("body", "")
        content = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
        return answer.get("statusCode", 200), list(answer.get("headers", {}).items()), content

    def _handler(emulator):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = urlsplit(self.path).path.split("/")
                if path[1] == ".rt" and self.path.endswith(f"{RUNTIME}/invocation/next"):
                    result = emulator.next(path[2], self.path, self.headers)
                elif path[1] == "lambda-url":
                    result = emulator.url_call(path[2], self, body)
                else:
                    if path[1] == "2015-03-31":
                        emulator.functions[path[3]].calls.release()
                    result = emulator.forward(self.command, self.path, self.headers, body)
                if result is None:
                    self.close_connection = True
                    return
                status, headers, body = result
                self.send_response_only(status)
                for header, value in headers:
                    if header.lower() not in HOP:
                        self.send_header(header, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        return Handler
