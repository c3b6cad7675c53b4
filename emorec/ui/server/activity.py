"""Middleware for two events that Gradio does not report: an upload has arrived, and a client waits for answers."""

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD = "/upload"  # end of the path that browsers and clients send files to
STREAM = "/queue/data"  # end of the path of the stream with a session's answers
EVENT = re.compile(r".*/call/(v2/)?[^/]+/(?P<event>[^/]+)/?")  # path of the stream with an event's answers
MAX_ANSWER = 1 << 20  # bytes; the answer to an upload is a list of paths


class ConnectionCounter(Protocol):
    """What ``StreamMiddleware`` reports about open streams; see ``emorec.ui.jobs.presence.Presence``."""

    def connected(self, name: str) -> contextlib.AbstractContextManager[None]: ...


class UploadMiddleware:
    """Pass every uploaded file to ``register``, which returns its new path, and put that path into the answer."""

    def __init__(self, app: ASGIApp, register: Callable[[str], Path | str]):
        self._app, self._register = app, register

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and _path(scope).endswith(UPLOAD):
            send = _UploadAnswer(self._register, send)
        await self._app(scope, receive, send)


class StreamMiddleware:
    """Report every stream of answers to ``presence`` while it is open."""

    def __init__(self, app: ASGIApp, presence: ConnectionCounter):
        self._app, self._presence = app, presence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_get = scope["type"] == "http" and scope["method"] == "GET"
        name = stream_name(_path(scope), scope["query_string"]) if is_get else None
        with self._presence.connected(name) if name else contextlib.nullcontext():
            await self._app(scope, receive, send)


class _UploadAnswer:
    """A ``send`` for the answer to an upload: collects the answer and replaces its paths."""

    def __init__(self, register: Callable[[str], Path | str], send: Send):
        self._register, self._send = register, send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._start = message  # sent later: the content length depends on the new paths
        elif message["type"] == "http.response.body" and self._start:
            self._body += message.get("body", b"")
            if len(self._body) > MAX_ANSWER:
                raise ValueError("the answer to an upload is too long")
            if not message.get("more_body"):
                await self._finish(self._start)
        else:
            await self._send(message)

    async def _finish(self, start: Message) -> None:
        paths = paths_in(self._body)
        if paths:
            moved = {path: str(self._register(path)) for path in set(paths)}
            self._body = json.dumps([moved[path] for path in paths]).encode()
        headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
        length = (b"content-length", str(len(self._body)).encode())
        await self._send({**start, "headers": [*headers, length]})
        await self._send({"type": "http.response.body", "body": self._body})


def stream_name(path: str, query: bytes) -> str | None:
    """The session or event whose answers a request asks for; None if the path is not that of a stream."""
    if path.endswith(STREAM):
        return (parse_qs(query.decode("latin-1")).get("session_hash") or [None])[0]
    found = EVENT.fullmatch(path)
    return found["event"] if found else None


def paths_in(answer: bytes) -> list[str]:
    """The paths in the answer to an upload; an empty list if it is not a list of paths."""
    with contextlib.suppress(ValueError):
        paths = json.loads(answer)
        return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
    return []


def _path(scope: Scope) -> str:
    return scope.get("path", "").rstrip("/")
