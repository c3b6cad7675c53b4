"""The crowds of ``benchmarks/load.py``: what each member does until told to stop, and how one visitor is served.

Members count themselves as at work once the server has taken what they bring, and as turned away once it refuses that.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.crowd_scene import Refused, Scene

API = "/gradio_api"
CHECKS = 50  # health checks of one member
MEMBER = b'--member\r\nContent-Disposition: form-data; name="files"; filename="slow.mp4"\r\n\r\n'


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
    """The events of one analysis, as (kind, data), of a visitor with a heartbeat until the last of them.

    The first is ("begun", ""): the server has taken the recording and keeps the connection open for what comes of it.
    """
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
            answers.raise_for_status()
            yield "begun", ""
            for line in answers.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, value


def analyses(which: str) -> Callable[[Scene], None]:
    """A member that brings a recording and waits for it until it leaves."""

    def member(scene: Scene) -> None:
        # A heartbeat comes every 15 s; so long it may take to notice that everybody leaves.
        with _leaving(scene), httpx.Client(base_url=scene.address, timeout=120) as visitor:
            events = analysing(visitor, getattr(scene.media, which))
            next(events)  # the server has begun to answer
            with scene.tally.working():
                for kind, data in events:
                    if kind == "error" and not scene.stop.is_set():
                        raise Refused(data)
                    if scene.stop.is_set():
                        return

    return member


def idle(scene: Scene) -> None:
    """A connection on which nothing is asked."""
    with _leaving(scene), _connected(scene.address), scene.tally.working():
        scene.stop.wait()


def slow_upload(scene: Scene) -> None:
    """An upload of a kilobyte a second."""
    head = (
        f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n"
        "Content-Type: multipart/form-data; boundary=member\r\n\r\n"
    )
    with _leaving(scene), _connected(scene.address) as connection:
        connection.sendall(head.encode() + MEMBER)
        connection.setblocking(False)
        with scene.tally.working():
            while not scene.stop.wait(1.0):
                with contextlib.suppress(BlockingIOError):
                    raise Refused(connection.recv(1000))  # an answer, or the end, before all is sent
                connection.sendall(b"x" * 1000)


def health_checks(scene: Scene) -> None:
    """CHECKS health checks, one after the other, and more of them until it is to leave."""
    with _leaving(scene), httpx.Client(base_url=scene.address, timeout=30) as checker, scene.tally.working():
        done = 0
        while done < CHECKS or not scene.stop.is_set():
            checker.get("/health").raise_for_status()
            scene.tally.count(answers=1)
            done += 1


def slow_link(scene: Scene) -> None:
    """A link on the page to a recording that drips."""
    with _leaving(scene), httpx.Client(base_url=scene.address, timeout=60) as visitor:
        config = visitor.get("/config").json()
        tab, link = _tab(config), _textbox(config)
        session = f"load-{threading.get_ident()}-{time.monotonic_ns()}"
        steps = config["dependencies"]
        select = next(step for step in steps if [tab, "select"] in step["targets"])
        begin = next(step for step in steps if [link, "submit"] in step["targets"])
        extract = next(step for step in steps if step.get("trigger_after") == begin["id"])
        chosen = {"data": [], "fn_index": select["id"], "session_hash": session}
        visitor.post(f"{API}/run/predict", json=chosen).raise_for_status()
        usual = {part["id"]: part["props"].get("value") for part in config["components"]} | {
            link: f"{scene.site.address}/slow.mp4"
        }
        for told in _told(visitor, session, begin["id"], [usual.get(part) for part in begin["inputs"]]):
            if told.get("success") is False or told.get("msg") == "log":
                raise Refused(str(told))
        told = _told(visitor, session, extract["id"], [None] * len(extract["inputs"]))
        with scene.tally.working():
            for _ in told:
                if scene.stop.is_set():
                    return
            raise Refused("the link was given up")


def _told(visitor: httpx.Client, session: str, step: int, data: list) -> Iterator[dict]:
    """The messages about one step of the page, until it is completed."""
    given = {"data": data, "fn_index": step, "session_hash": session}
    visitor.post(f"{API}/queue/join", json=given).raise_for_status()
    with visitor.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as answers:
        for line in answers.iter_lines():
            told = json.loads(line[6:]) if line.startswith("data: ") else {}
            yield told
            if told.get("msg") in ("process_completed", "close_stream"):
                return


@contextlib.contextmanager
def _leaving(scene: Scene) -> Iterator[None]:
    """Whatever goes wrong before a member is at work, the server has turned it away."""
    try:
        yield
    except Refused:
        pass
    except (OSError, httpx.HTTPError, ValueError, KeyError):
        if not scene.stop.is_set():
            scene.tally.count(turned_away=1)


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


def _connected(address: str) -> socket.socket:
    host, _, port = address.partition("://")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many there are, what a member does, how many of them it stands for, and what the table calls them."""

    number: int
    member: Callable[[Scene], None]
    words: str
    each: int = 1


CROWDS = {
    "visitors": Crowd(number=30, member=analyses("large"), words="{number} visitors with 5 MB each"),
    "idle": Crowd(number=200, member=idle, words="{number} idle connections"),
    "uploads": Crowd(number=20, member=slow_upload, words="{number} slow uploads"),
    "health": Crowd(
        number=1000, member=health_checks, words="{number} health checks and more, by 20 at once", each=CHECKS
    ),
    "long": Crowd(number=20, member=analyses("long"), words="{number} recordings of 24 hours"),
    "links": Crowd(number=20, member=slow_link, words="{number} links that drip"),
}
