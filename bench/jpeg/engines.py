"""The engines as processes that wait for jobs; `bench/turns.py` says what is said to them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEPARATE, CLONES = "sharp", "sharp, clones"
OURS = "minilab"


def commands(work, ours):
    """How each engine is started, in the order in which they take turns."""
    engine = HERE.parent / "engine"
    sharp = ["node", str(engine / "with_sharp.cjs")]
    return {
        OURS: [str(ours)],
        SEPARATE: sharp,
        CLONES: [*sharp, "clones"],
        "libvips": [sys.executable, str(engine / "with_libvips.py")],
        "Pillow": [sys.executable, str(engine / "with_pillow.py")],
        "pillow-simd": [str(work / "jpeg/venv/bin/python"), str(engine / "with_pillow.py")],
        "turbojpeg*": [sys.executable, str(HERE / "with_turbojpeg.py")],
    }


class Engine:
    """A process on one CPU with one thread for pixels."""

    def __init__(self, name, command, work, cpu):
        self.name, self.cpu = name, cpu
        env = {**os.environ, "VIPS_CONCURRENCY": "1", "NODE_PATH": str(work / "engine/node_modules"), "OMP_NUM_THREADS": "1"}
        pinned = ["taskset", "-c", str(cpu), *command]
        self.process = subprocess.Popen(pinned, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def job(self, file, sizes, quality=80, out=""):
        """(wall ms, CPU ms, bytes of each picture). Raises when the engine says that it cannot."""
        self.process.stdin.write(f"{file}\t{','.join(map(str, sizes))}\t{quality}\t{out}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        fields = answer.split(" ")
        if answer.startswith("error") or len(fields) not in (2, 3):
            raise RuntimeError(f"{self.name}: {answer or 'the process ended'}")
        sizes = [int(size) for size in fields[2].split(",")] if len(fields) == 3 else []
        return float(fields[0]), float(fields[1]), sizes

    def picture(self, file, size, quality, scratch):
        """The one file that it makes, as bytes."""
        out = scratch / self.name
        self.job(file, [size], quality, out)
        return Path(f"{out}.0").read_bytes()

    def peak_memory(self, file, sizes):
        """(highest resident bytes of the process, how much more than before the job), of its first job, with the file in memory."""
        self.job(file, [])
        proc = Path(f"/proc/{self.process.pid}")
        before = self.status(proc, "VmRSS")
        (proc / "clear_refs").write_text("5")
        self.job(file, sizes)
        peak = self.status(proc, "VmHWM")
        return peak, peak - before

    @staticmethod
    def status(proc, key):
        return next(int(line.split()[1]) << 10 for line in (proc / "status").read_text().splitlines() if line.startswith(key))

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()
