"""The two servers of the end-to-end benchmark, each started on free ports with a fresh data directory."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUCKET = "local-bucket"

# The same job as the peer's function: 128 px inside, JPEG quality 80.
MINILAB_CONFIG = f"""\
[server]
buckets = ["{BUCKET}"]

[[rules]]
name = "thumbnail"
bucket = "{BUCKET}"
prefix = "input/"

[[rules.variants]]
name = "thumb"
bucket = "{BUCKET}"
key = "output/{{stem}}_thumbnail.{{ext}}"
steps = [{{ resize = {{ width = 128, height = 128, fit = "inside" }} }}]
format = "jpeg"
quality = 80
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A child process in a process group of its own; `endpoint`, `access_key`, `secret_key` tell clients where."""

    name = endpoint = access_key = secret_key = None

    def __init__(self, work):
        self.home = work / self.name
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.log = self.home / "log"
        self.process = None

    def spawn(self, command, env, **options):
        self.process = subprocess.Popen(
            command, env={**os.environ, **env}, start_new_session=True, stdin=subprocess.DEVNULL,
            stderr=self.log.open("wb"), **options,
        )  # fmt: skip

    def fail(self, why):
        tail = self.log.read_text(errors="replace")[-2000:]
        self.stop()
        raise SystemExit(f"{self.name}: {why}\n{tail}")

    def tree(self):
        """Process ids of the server and of all its descendants."""
        children = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found, ahead = [], [self.process.pid]
        while ahead:
            pid = ahead.pop()
            found.append(pid)
            ahead += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """User and system time of every process alive in the tree, and of their children already waited for."""
        ticks = 0
        for pid in self.tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            ticks += sum(int(f) for f in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mib(self):
        """Sum over the tree of each process's proportional share of memory (PSS)."""
        total = 0
        for pid in self.tree():
            try:
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            except OSError:
                continue
        return total / 1024

    def stop(self):
        """SIGTERM to our own process group, SIGKILL after ten seconds."""
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        self.process.wait()
        self.process = None


class Minilab(Server):
    name = "minilab"
    access_key, secret_key = "minilabbench", "minilab-bench-secret-key"

    def __init__(self, work, binary):
        super().__init__(work)
        self.binary = binary

    def start(self):
        config = self.home / "minilab.toml"
        config.write_text(MINILAB_CONFIG)
        self.spawn(
            [self.binary, "serve", "--config", str(config), "--data", str(self.home / "data"),
             "--s3-addr", "127.0.0.1:0", "--web-addr", "127.0.0.1:0"],
            {"MINILAB_ACCESS_KEY": self.access_key, "MINILAB_SECRET_KEY": self.secret_key},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        lines = queue.Queue()

        def drain(stdout):
            for line in stdout:
                lines.put(line.strip())
            lines.put(None)

        # Reads to the end of the server's life, so that it can never block on a full pipe.
        threading.Thread(target=drain, args=(self.process.stdout,), daemon=True).start()
        deadline = time.monotonic() + 30
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.fail("not ready after 30 s")
            if line is None:
                self.fail(f"exited with {self.process.wait()} before it was ready")
            if line.startswith("s3 "):
                self.endpoint = line.split(None, 1)[1]
            if line == "ready":
                break
        if not self.endpoint:
            self.fail("ready, but no `s3 http://…` line")


class Peer(Server):
    """serverless + serverless-offline + serverless-s3-local with a Python function."""

    name = "peer"
    access_key = secret_key = "S3RVER"

    def __init__(self, work, install, venv):
        super().__init__(work)
        self.install, self.venv = install, venv

    def start(self):
        for file in ("serverless.yml", "handler.py"):
            shutil.copy(HERE / "peer" / file, self.install / file)
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spawn(
            [str(self.install / "node_modules/.bin/serverless"), "offline", "start"],
            {
                "PEER_S3_PORT": str(port),
                "PEER_S3_ENDPOINT": self.endpoint,
                "PEER_HTTP_PORT": str(free_port()),
                "PEER_LAMBDA_PORT": str(free_port()),
                "PEER_DATA": str(self.home / "data"),
                "VIRTUAL_ENV": str(self.venv),
                "SLS_TELEMETRY_DISABLED": "1",
                "SLS_NOTIFICATIONS_MODE": "off",
                "AWS_ACCESS_KEY_ID": self.access_key,
                "AWS_SECRET_ACCESS_KEY": self.secret_key,
            },
            cwd=self.install,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 90
        # The last thing serverless-offline prints (on stderr), once the S3 port and its own are bound.
        while "Function names exposed" not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None:
                self.fail(f"exited with {self.process.returncode} before it was ready")
            if time.monotonic() > deadline:
                self.fail("not ready after 90 s")
            time.sleep(0.1)
