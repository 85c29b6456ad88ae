"""Child processes with their output in a file, started when they listen and stopped in order."""

import os
import signal
import socket
import subprocess
import time

START_SECONDS = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def clean_environment(**extra):
    """The caller's environment without settings of AWS tools or of Minilab, and with `extra`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MINILAB_"))}
    return {**kept, **extra}


class Child:
    """One process. `log` gets what it prints."""

    def __init__(self, command, log, cwd=None, environment=None):
        self.log_path = log
        self.command = [str(part) for part in command]
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=cwd,
                env=clean_environment() if environment is None else environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for_port(self, port):
        """Returns when something listens. Fails when the process ends first, or after a minute."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self.running, f"{self.command[0]} ended with {self.process.returncode}:\n{self.output()}"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"{self.command[0]} does not listen on port {port}:\n{self.output()}")

    def output(self):
        return self.log_path.read_text(errors="replace")[-20_000:]

    @property
    def running(self):
        return self.process.poll() is None

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL for what is still there after `seconds`; the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
