"""``media`` out of harm's way: the same three functions, with every byte of the file read in another process.

A decoder that crashes, runs without end or takes all memory ends that process, and here that is one sentence. The
processes are copies of one that is started at first use and waits with everything loaded, so a recording costs
milliseconds more; docs/RELIABILITY.md says how many.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from emorec import media_formats
from emorec.errors import EmorecError
from emorec.media import AudioBlock, Frame, MediaInfo
from emorec.media_pictures import EXPANDED
from emorec.source import Limits
from emorec.worker_child import LENGTH

COMMAND = (sys.executable, "-P", "-m", "emorec.worker_child")
SILENT_FOR = 600.0
"""Seconds in which nothing is heard, after which a process is given up that uses no processor time either."""

LONGEST = 24 * 3600.0
"""Seconds; a file of a few bytes can claim to last for years, and silence takes time as well."""

MAX_HEADER = 1 << 20
MAX_BYTES = 1 << 28
"""Bytes of one picture or block of sound; no process that is as it should be sends more."""


def probe(path: str | Path) -> MediaInfo:
    """As ``media.probe``."""
    path = Path(path)
    media_formats.check_file(path)
    for header, _ in _answers("probe", path):
        info = MediaInfo(**header["info"] | {"path": path})
        _check_time(path, info.duration or 0.0, _longest())
        return info
    raise AssertionError("a probe answers")


def frames(
    path: str | Path,
    rate: float = 5.0,
    start: float = 0.0,
    max_side: int = 1280,
    on_damage: Callable[[str], None] | None = None,
) -> Iterator[Frame]:
    """As ``media.frames``."""
    choices, longest = {"rate": rate, "start": start, "max_side": max_side}, _longest()
    for header, (image, plane) in _answers("frames", Path(path), on_damage, **choices):
        _check_time(path, header["time"], longest)
        yield Frame(header["time"], image, SentGrey(plane, header["expanded"]))


def audio(
    path: str | Path,
    rate: int = 16_000,
    start: float = 0.0,
    block_seconds: float = 10.0,
    on_damage: Callable[[str], None] | None = None,
) -> Iterator[AudioBlock]:
    """As ``media.audio``."""
    choices, longest = {"rate": rate, "start": start, "block_seconds": block_seconds}, _longest()
    for header, (samples,) in _answers("audio", Path(path), on_damage, **choices):
        _check_time(path, header["time"], longest)
        yield AudioBlock(header["time"], samples)


def _longest() -> float:
    """Seconds that a recording may last: EMOREC_MAX_MINUTES, or a day."""
    return Limits.from_environment().minutes * 60 if os.environ.get("EMOREC_MAX_MINUTES") else LONGEST


def _check_time(path: str | Path, time: float, longest: float) -> None:
    if time > longest:
        raise EmorecError(
            f"{Path(path).name} is longer than {longest / 60:g} minutes, the limit here; give a shorter recording."
        )


class SentGrey:
    """As ``media_pictures.Grey``, from the plane ``(H, W)`` that was sent; ``expanded`` if it goes from 16 to 235."""

    def __init__(self, plane: np.ndarray, expanded: bool):
        self._plane, self._expanded = plane, expanded
        self.shape = plane.shape

    def __getitem__(self, part) -> np.ndarray:
        return EXPANDED[self._plane[part]] if self._expanded else np.ascontiguousarray(self._plane[part])


def _answers(do: str, path: Path, on_damage=None, **choices) -> Iterator[tuple[dict, list[np.ndarray]]]:
    """What a fresh process says: headers and their arrays. Raises EmorecError."""
    connection = _Waiting.copy()
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


class _Waiting:
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
