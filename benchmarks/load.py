"""Crowds of visitors on a page of its own on the loopback: is one more visitor still served, and what stays behind?

    python benchmarks/load.py                       # every crowd, whole
    python benchmarks/load.py --only idle,health --scale 0.1
    python benchmarks/load.py --table out/load.md

For each crowd the server is started on a free port with an empty cache. While the crowd is there, another visitor
uploads a recording of two seconds and waits for its timeline. Then the crowd leaves, and the server's memory, open
descriptors and visitors' files are looked at once more; in the end it is killed and started again. Every crowd is
bounded in number and in time, and everything that was started is ended however the run ends. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from benchmarks import crowds  # noqa: E402

STARTS_WITHIN = 180.0  # seconds
SERVED_WITHIN = 15.0  # seconds that the other visitor may wait
WATCHED = 120.0  # seconds that the other visitor is waited for at most
SETTLES_WITHIN = 90.0  # seconds after a crowd has left, until its files must be gone
GATHERS = 3.0  # seconds that a crowd has before the other visitor comes


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one crowd did: seconds that the other visitor waited (None: not served), MB, descriptors, files left."""

    crowd: str
    number: int
    seconds: float | None
    memory: tuple[float, float]
    descriptors: tuple[int, int]
    left: int
    left_after_kill: int
    said: str = ""

    @property
    def held(self) -> bool:
        """Whether the other visitor was served in time and nothing stayed."""
        return self.seconds is not None and self.seconds <= SERVED_WITHIN and not self.left and not self.left_after_kill


class Server:
    """A page on a free port of the loopback, with a cache and a folder of its own."""

    def __init__(self, folder: Path, settings: dict[str, str]):
        self.uploads, self._folder, self._settings = folder / "uploads", folder, settings
        self.process: subprocess.Popen | None = None
        self.address = ""

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError."""
        port = crowds.free_port()
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

    def memory(self) -> float:
        """Resident megabytes of the server's process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def descriptors(self) -> int:
        """How many descriptors the server's process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def main(arguments: list[str] | None = None) -> int:
    """Try the crowds and print the table; the exit code is 1 where one of them was not held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(crowds.CROWDS), help="crowds to try, with commas between them")
    parser.add_argument("--scale", type=float, default=1.0, help="share of every crowd that comes (1.0)")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds that a crowd stays at most (180)")
    parser.add_argument("--table", type=Path, help="file to write the table to")
    options = parser.parse_args(arguments)
    names = [name for name in options.only.split(",") if name]
    if unknown := set(names) - set(crowds.CROWDS):
        parser.error(f"there is no crowd {', '.join(unknown)}; there are {', '.join(crowds.CROWDS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a server that was started is ended then, too
    results = []
    with tempfile.TemporaryDirectory(prefix="emorec-load-") as folder:
        media = crowds.Media(Path(folder))
        for name in names:
            own = Path(folder, name)
            own.mkdir()
            results.append(tried(name, own, media, options.scale, options.limit))
            print(as_table(results), flush=True)
    if options.table:
        options.table.parent.mkdir(parents=True, exist_ok=True)
        options.table.write_text(as_table(results) + "\n", encoding="utf-8")
    return 0 if all(result.held for result in results) else 1


def tried(name: str, folder: Path, media: crowds.Media, scale: float, limit: float) -> Measured:
    """One crowd on a server of its own."""
    kind = crowds.CROWDS[name]
    number = max(1, round(kind.number * scale))
    with crowds.slow_site() as site, running(Server(folder, {"EMOREC_ALLOW_HOSTS": site[len("http://") :]})) as server:
        crowds.visit(server.address, media.short, WATCHED)  # what is loaded once for all is no growth
        time.sleep(1)
        memory, descriptors = server.memory(), server.descriptors()
        stop = threading.Event()
        timer = threading.Timer(limit, stop.set)
        timer.start()
        crowd = [
            threading.Thread(target=kind.member, args=(server.address, media, site, stop), daemon=True)
            for _ in range(max(1, number // kind.each))
        ]
        for member in crowd:
            member.start()
        time.sleep(min(GATHERS, limit))
        seconds, said = crowds.visit(server.address, media.short, WATCHED)
        stop.set()
        timer.cancel()
        for member in crowd:
            member.join(30)
        deadline = time.monotonic() + SETTLES_WITHIN
        while (server.files() or server.descriptors() > descriptors) and time.monotonic() < deadline:
            time.sleep(1)
        after, open_after, left = server.memory(), server.descriptors(), server.files()
        server.end(signal.SIGKILL)
        server.start()
        return Measured(
            crowd=kind.words.format(number=number),
            number=number,
            seconds=seconds,
            memory=(memory, after),
            descriptors=(descriptors, open_after),
            left=left,
            left_after_kill=server.files(),
            said=said,
        )


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A started server, ended in the end."""
    try:
        server.start()
        yield server
    finally:
        server.end()


def as_table(results: list[Measured]) -> str:
    """Markdown: a row a crowd."""
    rows = [
        "| crowd | another visitor's two seconds | memory before, after (MB) | descriptors before, after "
        "| files left | after kill and restart | held |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for result in results:
        waited = "not served: " + result.said if result.seconds is None else f"{result.seconds:.1f} s"
        rows.append(
            f"| {result.crowd} | {waited} | {result.memory[0]:.0f}, {result.memory[1]:.0f} "
            f"| {result.descriptors[0]}, {result.descriptors[1]} | {result.left} | {result.left_after_kill} "
            f"| {'yes' if result.held else 'no'} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
