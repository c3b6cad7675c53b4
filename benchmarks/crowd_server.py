"""The server that crowds come to: a page of its own on the loopback, looked at from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 180.0  # seconds


class Server:
    """A page on a free port of the loopback, with a cache and a folder of its own."""

    def __init__(self, folder: Path, settings: dict[str, str]):
        self.uploads, self._folder, self._settings = folder / "uploads", folder, settings
        self.process: subprocess.Popen | None = None
        self.address = ""

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError."""
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        environment = (
            os.environ
            | self._settings
            | {
                "GRADIO_SERVER_PORT": str(port),
                "GRADIO_SERVER_NAME": "127.0.0.1",
                "HF_HUB_OFFLINE": "1",
                "GRADIO_TEMP_DIR": str(self.uploads),
                "EMOREC_CACHE": str(self._folder / "cache"),
            }
        )
        with open(self._folder / "log.txt", "a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/health", timeout=5).status_code == 200:
                    return
            time.sleep(0.2)
        raise RuntimeError(f"The page did not start: {(self._folder / 'log.txt').read_text()[-2000:]}")

    def end(self, how: int = signal.SIGTERM) -> None:
        """End it, by a signal, with everything that it started."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def files(self) -> int:
        """How many files of visitors lie in its folder; the page's own example is none of theirs."""
        return sum(path.is_file() and path.name not in (".in-use", "example.mp4") for path in self.uploads.rglob("*"))

    def unfinished(self) -> int:
        """How many uploads have begun to arrive."""
        return sum(path.is_file() for path in self.uploads.glob("*/tmp*"))

    def connections(self) -> int:
        """How many connections it has taken and not closed."""
        port, established = f":{int(self.address.rpartition(':')[2]):04X}", "01"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        own = set()
        for descriptor in os.listdir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(OSError):
                own.add(os.readlink(f"/proc/{self.process.pid}/fd/{descriptor}"))
        return sum(row[1].endswith(port) and row[3] == established and f"socket:[{row[9]}]" in own for row in rows)

    def memory(self) -> float:
        """Resident megabytes of the server's process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def descriptors(self) -> int:
        """How many descriptors the server's process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A started server, ended in the end."""
    try:
        server.start()
        yield server
    finally:
        server.end()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
