"""What the crowds of ``benchmarks/load.py`` use: recordings, a slow web site, and a count of busy members."""

from __future__ import annotations

import contextlib
import threading
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np

DAY = 24 * 3600 - 60  # seconds; a little less than the longest recording that is accepted


class Tally:
    """How many members of a crowd are busy, were refused, or have finished, and how many responses they got."""

    def __init__(self):
        self.at_work = self.turned_away = self.through = self.answers = 0
        self._lock = threading.Lock()

    def count(self, **changes: int) -> None:
        """Add to the named numbers."""
        with self._lock:
            for name, change in changes.items():
                setattr(self, name, getattr(self, name) + change)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """A context in which one more member is busy. A member that is refused raises Refused in it."""
        self.count(at_work=1)
        try:
            yield
        except Refused:
            self.count(at_work=-1, turned_away=1)
            raise
        except BaseException:
            self.count(at_work=-1)
            raise
        self.count(at_work=-1, through=1)


class Refused(ValueError):
    """The server has refused a member."""


class Media:
    """The recordings of the crowds; each is made at its first use."""

    def __init__(self, folder: Path):
        self._folder, self._lock = folder, threading.Lock()

    @property
    def short(self) -> Path:
        """Two seconds of noise."""
        return self._wave("short.wav", 2.0, rate=16_000)

    @property
    def large(self) -> Path:
        """5 MB: 52 seconds of noise."""
        return self._wave("large.wav", 52.0, rate=48_000)

    @property
    def long(self) -> Path:
        """Almost 24 hours of silence in a few megabytes."""
        path = self._folder / "long.flac"
        with self._lock:
            if path.exists():
                return path
            with av.open(str(path), "w") as container:
                stream = container.add_stream("flac", rate=8000)
                stream.layout = "mono"
                block = 4608
                frame = av.AudioFrame.from_ndarray(np.zeros((1, block), np.int16), format="s16", layout="mono")
                frame.sample_rate = 8000
                for number in range(DAY * 8000 // block):
                    frame.pts = number * block
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        return path

    def _wave(self, name: str, seconds: float, rate: int) -> Path:
        path = self._folder / name
        with self._lock:
            if not path.exists():
                noise = np.random.default_rng(1).normal(0, 3000, int(seconds * rate)).astype("<i2")
                with wave.open(str(path), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(rate)
                    file.writeframes(noise.tobytes())
        return path


class Site:
    """A slow web site on the loopback interface: its ``address``, and its downloads in total and now (``open``)."""

    def __init__(self, address: str):
        self.address, self.asked, self.open = address, 0, 0


@contextlib.contextmanager
def slow_site() -> Iterator[Site]:
    """A context with a Site that sends a kilobyte a second."""

    class Dripping(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", "5000000")
            self.end_headers()

        def do_GET(self):
            with lock:
                site.asked, site.open = site.asked + 1, site.open + 1
            try:
                self.do_HEAD()
                for _ in range(5000):
                    self.wfile.write(b"\0" * 1000)
                    time.sleep(1.0)
            except OSError:
                pass
            finally:
                with lock:
                    site.open -= 1

        def log_message(self, *_):
            pass

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What members need: the page's address, recordings, a slow site, the count of members, and the signal to leave."""

    address: str
    media: Media
    site: Site
    tally: Tally
    stop: threading.Event
