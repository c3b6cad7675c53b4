"""The crowds of ``benchmarks/load.py``: what each member does until told to stop, and how one visitor is served."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import httpx
import numpy as np

API = "/gradio_api"
CHECKS = 50  # health checks of one member
DAY = 24 * 3600 - 60  # seconds, a little less than the longest recording that is taken
MEMBER = b'--member\r\nContent-Disposition: form-data; name="files"; filename="slow.mp4"\r\n\r\n'


class Media:
    """The recordings that crowds bring, each made when it is first asked for."""

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


def visit(address: str, file: Path, within: float) -> tuple[float | None, str]:
    """Upload a file and have it analysed: the seconds until its timeline was there, or None and what was said."""
    began = time.monotonic()
    try:
        with httpx.Client(base_url=address, timeout=within) as visitor:
            for kind, data in analysing(visitor, file):
                if kind == "complete":
                    return time.monotonic() - began, ""
                if kind == "error":
                    return None, data
                if time.monotonic() - began > within:
                    break
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return None, str(error) or type(error).__name__
    return None, f"nothing within {within:.0f} s"


def analysing(visitor: httpx.Client, file: Path) -> Iterator[tuple[str, str]]:
    """The events of one analysis, as (kind, data), of a visitor with a heartbeat until the last of them."""
    visitor.get("/config")  # brings the cookie that makes it a visitor of its own
    session = f"load-{time.monotonic_ns()}-{threading.get_ident()}"
    (path,) = visitor.post(f"{API}/upload", files={"files": (file.name, file.read_bytes())}).raise_for_status().json()
    wanted = visitor.get(f"{API}/info").raise_for_status().json()["named_endpoints"]["/analyze"]["parameters"]
    given = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = [part["parameter_default"] if part["parameter_has_default"] else given for part in wanted]
    with visitor.stream("GET", f"{API}/heartbeat/{session}"):
        sent = visitor.post(f"{API}/call/analyze", json={"data": data, "session_hash": session}).raise_for_status()
        kind = ""
        with visitor.stream("GET", f"{API}/call/analyze/{sent.json()['event_id']}") as answers:
            for line in answers.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, value


def analyses(which: str) -> Callable:
    """A member that brings a recording and waits for it until it leaves."""

    def member(address: str, media: Media, site: str, stop: threading.Event) -> None:
        # A heartbeat comes every 15 s; so long it may take to notice that everybody leaves.
        with contextlib.suppress(httpx.HTTPError, ValueError), httpx.Client(base_url=address, timeout=20) as visitor:
            for _ in analysing(visitor, getattr(media, which)):
                if stop.is_set():
                    return

    return member


def idle(address: str, media: Media, site: str, stop: threading.Event) -> None:
    """A connection on which nothing is asked."""
    with contextlib.suppress(OSError), _connected(address):
        stop.wait()


def slow_upload(address: str, media: Media, site: str, stop: threading.Event) -> None:
    """An upload of a kilobyte a second."""
    head = (
        f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n"
        "Content-Type: multipart/form-data; boundary=member\r\n\r\n"
    )
    with contextlib.suppress(OSError), _connected(address) as connection:
        connection.sendall(head.encode() + MEMBER)
        while not stop.wait(1.0):
            connection.sendall(b"x" * 1000)


def health_checks(address: str, media: Media, site: str, stop: threading.Event) -> None:
    """CHECKS health checks, one after the other."""
    with contextlib.suppress(httpx.HTTPError), httpx.Client(base_url=address, timeout=30) as checker:
        for _ in range(CHECKS):
            if stop.is_set():
                return
            checker.get("/health")


def slow_link(address: str, media: Media, site: str, stop: threading.Event) -> None:
    """A link on the page to a recording that drips."""
    with contextlib.suppress(httpx.HTTPError, ValueError), httpx.Client(base_url=address, timeout=20) as visitor:
        config = visitor.get("/config").json()
        tab, link = _tab(config), _textbox(config)
        session = f"load-{threading.get_ident()}-{time.monotonic_ns()}"
        steps = config["dependencies"]
        select = next(step for step in steps if [tab, "select"] in step["targets"])
        begin = next(step for step in steps if [link, "submit"] in step["targets"])
        extract = next(step for step in steps if step.get("trigger_after") == begin["id"])
        chosen = {"data": [], "fn_index": select["id"], "session_hash": session}
        visitor.post(f"{API}/run/predict", json=chosen).raise_for_status()
        values = [f"{site}/slow.mp4" if part == link else "late" for part in begin["inputs"]]
        for step, data in ((begin, values), (extract, [None] * len(extract["inputs"]))):
            given = {"data": data, "fn_index": step["id"], "session_hash": session}
            visitor.post(f"{API}/queue/join", json=given).raise_for_status()
            with visitor.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as answers:
                for line in answers.iter_lines():
                    told = json.loads(line[6:]) if line.startswith("data: ") else {}
                    if stop.is_set() or told.get("msg") in ("process_completed", "close_stream"):
                        break


def _tab(config) -> int:
    return next(
        part["id"] for part in config["components"] if part["type"] == "tabitem" and part["props"].get("id") == "link"
    )


def _textbox(config) -> int:
    return next(
        part["id"]
        for part in config["components"]
        if part["type"] == "textbox" and part["props"].get("elem_id") == "link"
    )


@contextlib.contextmanager
def slow_site() -> Iterator[str]:
    """A site on the loopback whose recordings drip; its address."""

    class Dripping(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", "5000000")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            with contextlib.suppress(OSError):
                for _ in range(5000):
                    self.wfile.write(b"\0" * 1000)
                    time.sleep(1.0)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Dripping)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _connected(address: str) -> socket.socket:
    host, _, port = address.partition("://")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many there are, what a member does, how many of them it stands for, and what the table calls them."""

    number: int
    member: Callable[[str, Media, str, threading.Event], None]
    words: str
    each: int = 1


CROWDS = {
    "visitors": Crowd(number=30, member=analyses("large"), words="{number} visitors with 5 MB each"),
    "idle": Crowd(number=200, member=idle, words="{number} idle connections"),
    "uploads": Crowd(number=20, member=slow_upload, words="{number} slow uploads"),
    "health": Crowd(number=1000, member=health_checks, words="{number} health checks", each=CHECKS),
    "long": Crowd(number=20, member=analyses("long"), words="{number} recordings of 24 hours"),
    "links": Crowd(number=20, member=slow_link, words="{number} links that drip"),
}
