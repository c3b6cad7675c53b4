"""The bodies of requests: how large they may be, how long they may take, and that they name no file but an upload.

Gradio fetches whatever address stands where the path of an uploaded file is expected, and opens paths. So every JSON
body is read here first, and handed on as it was understood here.
"""

import asyncio
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

MOST = 64_000  # bytes that a body may have which is no upload
STALLED = 30.0  # seconds that such a body may take
FILE_ROUTE = "/gradio_api/file="
TOO_LARGE = "The request is larger than the 64 kB that are read here; only uploads may be larger."
TOO_SLOW = "The request took too long to arrive; send it again."
NOT_JSON = "The request is no JSON object; send one, with the content type application/json."
NOT_UPLOADED = "Only a file that was uploaded here may be named; upload it first, or paste an address as a link."


class Refused(Exception):
    """A request that is not answered: an HTTP ``status`` and a ``sentence`` for the client."""

    def __init__(self, status: int, sentence: str, headers: tuple[tuple[str, str], ...] = ()):
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


class Gone(Exception):
    """The client went before all of its request had arrived."""


async def read(receive, most: int = MOST, within: float = STALLED) -> bytes:
    """All of a request's body. Raises Refused where it is larger than ``most`` bytes or takes too long, or Gone."""
    try:
        async with asyncio.timeout(within):
            arrived, more = bytearray(), True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                arrived += message.get("body", b"")
                more = message.get("more_body", False)
                if len(arrived) > most:
                    raise Refused(413, TOO_LARGE)
            return bytes(arrived)
    except TimeoutError:
        raise Refused(408, TOO_SLOW) from None


def replay(body: bytes, receive):
    """A ``receive`` that gives a body which was read already, then whatever comes after it."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def again():
        return left.pop() if left else await receive()

    return again


def parsed(body: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object in a body. Raises Refused."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, NOT_JSON)
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, NOT_JSON) from None
    if not isinstance(given, dict):
        raise Refused(400, NOT_JSON)
    return given


def dumped(given: dict[str, Any]) -> bytes:
    """A body that says what was understood, so that whoever reads it next understands no other."""
    return json.dumps(given).encode("ascii")


def check_files(given: Any, folder: Path, hosts: Iterable[str]) -> None:
    """Make sure that every file named anywhere in a JSON value is an upload below ``folder``.

    A file is an object with a "path" or a "url"; the second may be relative or lead to one of ``hosts``, this server's
    own names. Raises Refused.
    """
    hosts, left = set(hosts), [given]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            left += value.values()
            if not (_is_upload(value.get("path"), folder) and _is_own_url(value.get("url"), folder, hosts)):
                raise Refused(403, NOT_UPLOADED)


def within(path: str, folder: Path) -> bool:
    """Whether a path is that of a file in a folder below ``folder``, wherever links in it lead."""
    if not path.startswith("/") or "\0" in path:
        return False
    try:
        return folder in Path(os.path.realpath(path)).parent.parents
    except (OSError, ValueError):
        return False


def _is_upload(path: Any, folder: Path) -> bool:
    return path is None or path == "" or (isinstance(path, str) and within(path, folder))


def _is_own_url(url: Any, folder: Path, hosts: set[str]) -> bool:
    if url is None or url == "":
        return True
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in ("", "http", "https") or (parts.scheme or parts.netloc) and parts.netloc not in hosts:
        return False
    _, route, path = ("/" + parts.path.lstrip("/")).rpartition(FILE_ROUTE)
    return bool(route) and within(unquote(path), folder)
