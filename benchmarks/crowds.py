"""The crowds of ``benchmarks/load.py``: what each member does until it has to leave, and the visit of one visitor.

A member counts itself as busy when the server has accepted its request, and as refused when the server refuses it.
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
    """Upload and analyse a file; returns the seconds until its timeline arrived, or None and the error."""
    began = time.monotonic()
    try:
        with httpx.Client(base_url=address, timeout=within) as visitor:
            for kind, data in analyse(visitor, file):
                if kind == "complete":
                    return time.monotonic() - began, ""
                if kind == "error":
                    return None, data
                if time.monotonic() - began > within:
                    break
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return None, str(error) or type(error).__name__
    return None, f"nothing within {within:.0f} s"


def analyse(visitor: httpx.Client, file: Path) -> Iterator[tuple[str, str]]:
    """Analyse a file as a visitor with a heartbeat; yields the server's events as (kind, data).

    The first is ("begun", ""): the server has accepted the job and keeps the connection open.
    """
    visitor.get("/config")  # sets the cookie that makes it a visitor
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
    """A member that analyses a recording of Media and waits for the result until it leaves."""

    def member(scene: Scene) -> None:
        # The stream has a heartbeat every 15 s; the member may notice only then that it has to leave.
        with _leaving(scene), httpx.Client(base_url=scene.address, timeout=120) as visitor:
            events = analyse(visitor, getattr(scene.media, which))
            next(events)  # the server has accepted the job
            with scene.tally.working():
                for kind, data in events:
                    if kind == "error" and not scene.stop.is_set():
                        raise Refused(data)
                    if scene.stop.is_set():
                        return

    return member


def idle(scene: Scene) -> None:
    """A connection without a request."""
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
                    raise Refused(connection.recv(1000))  # a response, or the end of the connection, is too early
                connection.sendall(b"x" * 1000)


def health_checks(scene: Scene) -> None:
    """At least CHECKS health checks, one after the other, until it has to leave."""
    with _leaving(scene), httpx.Client(base_url=scene.address, timeout=30) as checker, scene.tally.working():
        done = 0
        while done < CHECKS or not scene.stop.is_set():
            checker.get("/health").raise_for_status()
            scene.tally.count(answers=1)
            done += 1


def slow_link(scene: Scene) -> None:
    """A link, given on the page, to a recording that downloads slowly."""
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
        for message in _messages(visitor, session, begin["id"], [usual.get(part) for part in begin["inputs"]]):
            if message.get("success") is False or message.get("msg") == "log":
                raise Refused(str(message))
        messages = _messages(visitor, session, extract["id"], [None] * len(extract["inputs"]))
        with scene.tally.working():
            for _ in messages:
                if scene.stop.is_set():
                    return
            raise Refused("the link was given up")


def _messages(visitor: httpx.Client, session: str, step: int, data: list) -> Iterator[dict]:
    """The messages about one event of the page, until it is completed."""
    given = {"data": data, "fn_index": step, "session_hash": session}
    visitor.post(f"{API}/queue/join", json=given).raise_for_status()
    with visitor.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as answers:
        for line in answers.iter_lines():
            message = json.loads(line[6:]) if line.startswith("data: ") else {}
            yield message
            if message.get("msg") in ("process_completed", "close_stream"):
                return


@contextlib.contextmanager
def _leaving(scene: Scene) -> Iterator[None]:
    """Count a member as refused if an error occurs before it is busy."""
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
    """The size of a crowd, what a member does, how many of the crowd one member is, and the words for the table."""

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
