"""The processes that read files for this one, as seen from here: how a copy is got, asked, heard and ended.

See ``worker_child`` for what they are. Nothing that one says is trusted: sizes and types are checked, nothing is
unpickled.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.worker_child import LENGTH

COMMAND = (sys.executable, "-P", "-m", "emorec.worker_child")
SILENT_FOR = 600.0
"""Seconds in which nothing is heard, after which a process is given up that uses no processor time either."""

MAX_HEADER = 1 << 20
MAX_BYTES = 1 << 28
"""Bytes of one picture or block of sound; no process that is as it should be sends more."""


def answers(do: str, path: Path, on_damage=None, **choices) -> Iterator[tuple[dict, list[np.ndarray]]]:
    """What a fresh process says: headers and their arrays. Raises EmorecError."""
    connection = Waiting.copy()
    process, ended = None, False
    try:
        connection.settimeout(SILENT_FOR)
        task = {"do": do, "path": str(path.absolute()), "choices": choices}
        connection.sendall(json.dumps(task).encode() + b"\n")
        while True:
            header = _header(connection)
            if "process" in header:
                process = int(header["process"])
            elif "damage" in header:
                if on_damage is not None:
                    on_damage(str(header["damage"]))
            elif "problem" in header:
                ended = True
                raise EmorecError(str(header["problem"]))
            elif "failed" in header:
                ended = True
                logging.getLogger("emorec").warning("A decoder failed: %.80r", header["failed"])
                raise EmorecError(f"{path.name} cannot be decoded: the file is damaged; was it copied completely?")
            elif "end" in header:
                ended = True
                return
            else:
                yield header, [_array(connection, shape, header["type"]) for shape in header.get("shapes", ())]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ConnectionError | EOFError):
            ended = True  # the process has gone
        raise EmorecError(
            f"{path.name} cannot be decoded: reading it takes too much time or memory, or makes the decoder fail; "
            "convert it with another program, or give another file."
        ) from error
    finally:
        if process is not None and not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        connection.close()


def _header(connection: socket.socket) -> dict:
    size = LENGTH.unpack(_bytes(connection, LENGTH.size))[0]
    if size > MAX_HEADER:
        raise ValueError("a header of that size is none")
    header = json.loads(_bytes(connection, size))
    if not isinstance(header, dict):
        raise ValueError("a header is a dict")
    return header


def _array(connection: socket.socket, shape, kind: str) -> np.ndarray:
    array_type = {"uint8": np.uint8, "float32": np.float32}[kind]
    count = 1
    for side in shape:
        if not isinstance(side, int) or side < 0:
            raise ValueError("a side is a whole number")
        count *= side
    if count * np.dtype(array_type).itemsize > MAX_BYTES:
        raise ValueError("an array of that size is none")
    array = np.empty(shape, array_type)
    if array.size:
        _fill(connection, memoryview(array).cast("B"))
    return array


def _bytes(connection: socket.socket, size: int) -> bytearray:
    held = bytearray(size)
    _fill(connection, memoryview(held))
    return held


def _fill(connection: socket.socket, view: memoryview) -> None:
    while len(view):
        got = connection.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]


class Waiting:
    """The one process that waits to be copied, started at first use and again should it have died."""

    _lock = threading.Lock()
    _process: subprocess.Popen | None = None
    _control: socket.socket | None = None
    _owner: int | None = None

    @classmethod
    def copy(cls) -> socket.socket:
        """A connection to a fresh copy."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, cls._lock:
                for attempt in (1, 2):
                    if cls._process is None or cls._owner != os.getpid() or cls._process.poll() is not None:
                        cls._start()
                    try:
                        socket.send_fds(cls._control, [b"x"], [theirs.fileno()])
                        return ours
                    except OSError:
                        cls._end()
                        if attempt == 2:
                            raise
        except OSError as error:
            ours.close()
            raise EmorecError(f"No process can be started to decode in ({error}); end other programs.") from error
        raise AssertionError("unreachable")

    @classmethod
    def _start(cls) -> None:
        control, theirs = socket.socketpair()
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a process with threads is not to be copied
        root = {"PYTHONPATH": str(Path(__file__).absolute().parent.parent)}
        with theirs:
            cls._process = subprocess.Popen(
                COMMAND,
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                env=os.environ | threads | root,
                start_new_session=True,
            )
        cls._control, cls._owner = control, os.getpid()
        atexit.register(cls._end)

    @classmethod
    def _end(cls) -> None:
        """Close the other end, whereupon the process ends itself and its copies."""
        if cls._owner == os.getpid() and cls._process is not None:
            cls._control.close()
            cls._process.wait()
        cls._process = None
