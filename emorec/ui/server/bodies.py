"""Request bodies: their size, how long they may take, and a check that they name no file except uploads.

Gradio downloads any URL that is given in place of an uploaded file's path, and opens paths. Therefore every JSON body
is parsed here first, and Gradio receives the body that was checked.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from emorec.ui.server import running_clock

MAX_BODY = 64_000  # bytes of a body that is not an upload
MAX_LIVE = 1_000_000  # bytes that a live session sends at a time: a picture and some seconds of sound
READ_TIMEOUT = 30.0  # seconds to receive such a body
FILE_ROUTE = "/gradio_api/file="
TOO_LARGE = "The request is larger than the 64 kB that are read here; only uploads may be larger."
TOO_SLOW = "The request took too long to arrive; send it again."
NOT_JSON = "The request is not a JSON object; send one, with the content type application/json."
PAGE_HEADER = "x-emorec-page"  # Gradio's ``app_id``, see page/assets/answers.js
OTHER_PAGE = "The program was started again after this page was loaded; load the page again."
NOT_UPLOADED = (
    "Only a file that was uploaded here since the program was started may be named; upload it first, or paste an "
    "address as a link."
)


class Refused(Exception):
    """A request that is refused: an HTTP ``status`` and a ``sentence`` for the client."""

    def __init__(self, status: int, sentence: str, headers: tuple[tuple[str, str], ...] = ()):
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


async def read(receive: Receive, max_bytes: int = MAX_BODY, timeout: float = READ_TIMEOUT) -> bytes:
    """The whole body of a request.

    Raises Refused if it is larger than ``max_bytes`` or takes longer than ``timeout`` seconds, and ClientDisconnect if
    the client closes the connection first.
    """
    try:
        return await running_clock.within(timeout, _read(receive, max_bytes))
    except TimeoutError:
        raise Refused(408, TOO_SLOW) from None


async def _read(receive: Receive, max_bytes: int) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > max_bytes:
            raise Refused(413, TOO_LARGE)
    return bytes(body)


def replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that returns a body which was already read, and then the messages after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def parse_json(body: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object in a body, with "?" for each lone surrogate, which no answer can repeat. Raises Refused."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, NOT_JSON)
    try:
        given = json.loads(json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise Refused(400, NOT_JSON) from None
    if not isinstance(given, dict):
        raise Refused(400, NOT_JSON)
    return given


def dump_json(given: dict[str, Any]) -> bytes:
    """A parsed object as a new body, so that the next parser cannot understand it differently."""
    return json.dumps(given).encode("ascii")


def check_page(given: str | None, app_id: int) -> None:
    """Check that an event is from the page that is served now; ``given`` is PAGE_HEADER, None from other programs.

    A page that was loaded before the program was started again shows what the program has forgotten, and calls
    functions by the numbers that they had in the version at that time. Raises Refused.
    """
    if given is not None and given != f"{float(app_id):.0f}":  # JavaScript reads numbers of 64 bits as floats
        raise Refused(409, OTHER_PAGE)


def check_files(given: Any, folder: Path, hosts: Iterable[str]) -> None:
    """Check that every file named anywhere in a JSON value is an upload below ``folder``.

    A file is an object with a "path" or a "url". The URL may be relative, or name one of ``hosts``, the names of this
    server. Raises Refused.
    """
    hosts, todo = set(hosts), [given]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += value
        elif isinstance(value, dict):
            todo += value.values()
            if not (_is_upload(value.get("path"), folder) and _is_own_url(value.get("url"), folder, hosts)):
                raise Refused(403, NOT_UPLOADED)


def is_below(path: str, folder: Path) -> bool:
    """Whether a path, with all symbolic links resolved, is a file in a subfolder of ``folder``."""
    if not is_on_drive(folder, path) or "\0" in path:
        return False
    try:
        return folder in Path(os.path.realpath(path)).parent.parents
    except (OSError, ValueError):
        return False


def is_on_drive(folder: Path | str, path: str, paths: ModuleType = os.path) -> bool:
    """Whether a path is absolute and on the drive of ``folder``.

    On Windows, even a check of a path on another drive may contact another machine. ``paths`` is the ``os.path`` of an
    operating system.
    """
    drives = [paths.splitdrive(each)[0].lower() for each in (str(folder), path)]
    return paths.isabs(path) and drives[0] == drives[1]


def _is_upload(path: Any, folder: Path) -> bool:
    return path is None or path == "" or (isinstance(path, str) and is_below(path, folder))


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
    return bool(route) and is_below(unquote(path), folder)
