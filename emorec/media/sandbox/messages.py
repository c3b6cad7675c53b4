"""Messages of the processes that decode, as they are received: of bounded size, within a deadline, nothing unpickled.

See ``worker_child`` for what they look like.
"""

from __future__ import annotations

import json
import socket
import time

import numpy as np

from emorec.media.sandbox.server import LENGTH

SILENT_FOR = 600.0
"""Seconds in which a message must be here, after which a process is given up that uses no processor time either."""

MAX_HEADER = 1 << 20
MAX_BYTES = 1 << 28
"""Bytes of the arrays of one message; no process that is as it should be sends more."""

MAX_ARRAYS = 4
MAX_SIDES = 4
MAX_SENTENCE = 1000


def sentence(text: object) -> str:
    """What a process says to the user: one line of bounded length, without what a terminal would obey."""
    if not isinstance(text, str):
        raise TypeError("a sentence is text")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:MAX_SENTENCE])


def receive(connection: socket.socket) -> tuple[dict, list[np.ndarray]]:
    """The next header and its arrays. Raises TimeoutError if they are not here in ``SILENT_FOR``."""
    deadline = time.monotonic() + SILENT_FOR
    header = _header(connection, deadline)
    return header, _arrays(connection, header.get("shapes", []), header.get("type"), deadline)


def _header(connection: socket.socket, deadline: float) -> dict:
    size = LENGTH.unpack(_bytes(connection, LENGTH.size, deadline))[0]
    if size > MAX_HEADER:
        raise ValueError("a header of that size is none")
    header = json.loads(_bytes(connection, size, deadline))
    if not isinstance(header, dict):
        raise ValueError("a header is a dict")
    return header


def _arrays(connection: socket.socket, shapes: object, kind: object, deadline: float) -> list[np.ndarray]:
    if not isinstance(shapes, list) or len(shapes) > MAX_ARRAYS:
        raise ValueError("these are no shapes")
    if not shapes:
        return []
    array_type = np.dtype({"uint8": np.uint8, "float32": np.float32}[kind])
    left = MAX_BYTES
    for shape in shapes:
        left -= _count(shape) * array_type.itemsize
    if left < 0:
        raise ValueError("arrays of that size are none")
    arrays = [np.empty(shape, array_type) for shape in shapes]
    for array in arrays:
        if array.size:
            _fill(connection, memoryview(array).cast("B"), deadline)
    return arrays


def _count(shape: object) -> int:
    """The number of values in an array of that shape, no side of which is negative or longer than ``MAX_BYTES``."""
    if not isinstance(shape, list) or len(shape) > MAX_SIDES:
        raise ValueError("this is no shape")
    count = 1
    for side in shape:
        if type(side) is not int or not 0 <= side <= MAX_BYTES:
            raise ValueError("a side is a whole number")
        count *= side
    return count


def _bytes(connection: socket.socket, size: int, deadline: float) -> bytearray:
    held = bytearray(size)
    _fill(connection, memoryview(held), deadline)
    return held


def _fill(connection: socket.socket, view: memoryview, deadline: float) -> None:
    while len(view):
        connection.settimeout(max(deadline - time.monotonic(), 1e-3))
        got = connection.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
