"""Starting, watching and stopping one `minilab serve`, and talking to it."""

import http.client
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import boto3
import requests
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
START_SECONDS = 60
STOP_SECONDS = 60

ACCESS_KEY = "clienttests"
SECRET_KEY = "not-a-secret-but-long-enough"


def binary():
    path = Path(os.environ.get("MINILAB_BIN", ROOT / "target/release/minilab")).resolve()
    assert path.is_file(), f"{path} is not there: build it, or set MINILAB_BIN"
    return path


def s3_client(url, access_key=ACCESS_KEY, secret_key=SECRET_KEY, **config):
    """A boto3 client that shows the first answer: no retries hide an error from a test."""
    settings = {
        "signature_version": "s3v4",
        "retries": {"total_max_attempts": 1},
        "s3": {"addressing_style": "path"},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 32,
        **config,
    }
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(**settings),
    )


def clean_environment(**extra):
    """The caller's environment without settings of AWS tools or of Minilab, and with `extra`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MINILAB_"))}
    return {**kept, **extra}


class Server:
    """One `minilab serve` process. `directory` holds its configuration, data and logs."""

    def __init__(self, directory, config=None, data=None, credentials=True, before_exec=None, variables=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config = Path(config) if config else None
        self.data = Path(data) if data else self.directory / "data"
        self.credentials = credentials
        self.before_exec = before_exec
        self.variables = variables or {}
        self.log_path = self.directory / "server.log"
        self.process = None
        self.stdout = []
        self.s3_url = self.web_url = None

    def command(self):
        command = [binary(), "serve", "--data", self.data]
        if self.config:
            command += ["--config", self.config]
        command += ["--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"]
        return [str(part) for part in command]

    def environment(self):
        if not self.credentials:
            return clean_environment(**self.variables)
        return clean_environment(MINILAB_ACCESS_KEY=ACCESS_KEY, MINILAB_SECRET_KEY=SECRET_KEY, **self.variables)

    def start(self):
        self.stdout = []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                preexec_fn=self.before_exec,
            )
        lines = queue.Queue()
        threading.Thread(target=self._read_stdout, args=(self.process.stdout, lines), daemon=True).start()
        self._wait_until_ready(lines)
        return self

    def _read_stdout(self, pipe, lines):
        # Read to the end, so that the server never blocks on a full pipe.
        for line in pipe:
            self.stdout.append(line.rstrip("\n"))
            lines.put(line.strip())
        lines.put(None)

    def _wait_until_ready(self, lines):
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                self.process.kill()
                raise AssertionError(f"not ready after {START_SECONDS} s:\n{self.output()}") from None
            if line is None:
                code = self.process.wait()
                raise AssertionError(f"the server ended with {code} before it was ready:\n{self.output()}")
            name, _, rest = line.partition(" ")
            if name == "s3":
                self.s3_url = rest
            elif name == "web":
                self.web_url = rest
            elif line == "ready":
                assert self.s3_url and self.web_url, f"ready before both addresses were told:\n{self.output()}"
                return

    def output(self):
        log = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(self.stdout) + "\n--- stderr ---\n" + log[-20_000:]

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM; the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {STOP_SECONDS} s after SIGTERM:\n{self.output()}") from None

    def kill(self):
        """SIGKILL: what a crash or a power cut looks like from outside."""
        self.process.kill()
        self.process.wait()

    # ---- talking to it

    def s3(self, **config):
        return s3_client(self.s3_url, **config)

    def get(self, path, **options):
        return requests.get(self.web_url + path, timeout=30, **options)

    def get_raw(self, path):
        """GET with the path sent as it is: no client tidies `..` away. (status, body)"""
        address = urlsplit(self.web_url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def record_response(self, key, bucket=None):
        query = {"bucket": bucket} if bucket else None
        return self.get("/images/" + quote(key), params=query)

    def record(self, key, bucket=None):
        """The record of `key`, or None when there is none."""
        answer = self.record_response(key, bucket)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return answer.json()

    def statistics(self, bucket=None):
        answer = self.get("/infoimages", params={"bucket": bucket} if bucket else None)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return answer.json()
