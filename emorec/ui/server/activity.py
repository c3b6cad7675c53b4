"""Middleware that notices uploads and open streams, of which Gradio tells nobody."""

import contextlib
import json
import re
from urllib.parse import parse_qs

UPLOAD = "/upload"  # how the address ends that browsers and clients send files to
STREAM = "/queue/data"  # how the address ends of the stream of a session's answers
EVENT = re.compile(r".*/call/(v2/)?[^/]+/(?P<event>[^/]+)/?")  # the stream of an event's answers
MAX_ANSWER = 1 << 20  # bytes; the answer is a list of paths


class Noticing:
    """An ASGI application around another.

    Every path in the answer to an upload is given to ``brought``, and replaced in the answer by what that returns: the
    place where the file is from then on. ``presence`` is told of every stream of answers while it is open.
    """

    def __init__(self, app, brought, presence):
        self._app, self._brought, self._presence = app, brought, presence

    async def __call__(self, scope, receive, send):
        path = scope.get("path", "").rstrip("/")
        if scope["type"] == "http" and scope["method"] == "POST" and path.endswith(UPLOAD):
            await self._app(scope, receive, Moving(self._brought, send))
        elif scope["type"] == "http" and scope["method"] == "GET" and (name := stream_of(path, scope["query_string"])):
            with self._presence.watching(name):
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Moving:
    """Takes the place of ``send`` for an upload's answer, in which it replaces the paths."""

    def __init__(self, brought, send):
        self._brought, self._send = brought, send
        self._start, self._body = None, b""

    async def __call__(self, message):
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._start = message  # its length is known when the paths are replaced
        elif message["type"] == "http.response.body" and self._start:
            self._body += message.get("body", b"")
            if len(self._body) > MAX_ANSWER:
                raise ValueError("the answer to an upload is too long")
            if not message.get("more_body"):
                await self._finish()
        else:
            await self._send(message)

    async def _finish(self):
        paths = paths_in(self._body)
        if paths:
            moved = {path: str(self._brought(path)) for path in set(paths)}
            self._body = json.dumps([moved[path] for path in paths]).encode()
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        length = (b"content-length", str(len(self._body)).encode())
        await self._send(self._start | {"headers": [*headers, length]})
        await self._send({"type": "http.response.body", "body": self._body})


def stream_of(path, query):
    """The session or the event whose answers are asked for at an address; None if it is another address."""
    if path.endswith(STREAM):
        return (parse_qs(query.decode("latin-1")).get("session_hash") or [None])[0]
    found = EVENT.fullmatch(path)
    return found["event"] if found else None


def paths_in(answer):
    """The paths in what an upload is answered with."""
    with contextlib.suppress(ValueError):
        paths = json.loads(answer)
        return [path for path in paths if isinstance(path, str)] if isinstance(paths, list) else []
    return []
