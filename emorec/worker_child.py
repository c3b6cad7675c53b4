"""The processes that decode: one that is ready and waits, and a fresh copy of it for every recording that is read.

A copy lives as long as one pass over one file. It may hold so much memory, write no file, and use so many seconds of a
processor without getting further in the recording; the kernel ends it where it exceeds that. Whatever a hostile file
does to a decoder, it does to this.

The waiting process gets sockets on its standard input, one a copy. On such a socket the copy is told what to do in one
line of JSON, ``{do, path, choices}``, and answers with messages: four bytes of length, so much JSON, and the arrays
that this speaks of.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import signal
import socket
import struct
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec import media, media_damage, media_length, media_look, media_still
from emorec.errors import EmorecError
from emorec.media_selection import Selection

MEMORY = 3 << 30
"""Bytes of data; the largest pictures that are let in (see ``media_reader.MAX_PIXELS``) take a third of it."""

SECONDS_WITHOUT_PROGRESS = 60
"""Seconds of processor time."""

PICTURE_SECONDS = 20
"""Seconds of processor time for a still picture, in which no progress shows."""

BEAT = 0.5
"""Seconds of processor time between two extensions of the limit."""

LENGTH = struct.Struct(">I")
MAX_TASK = 1 << 16


def wait() -> None:
    """Copy this process for every socket that arrives, until nobody holds the other end any more."""
    control = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the copies, so the kernel forgets them
    while True:
        told, sockets, _, _ = socket.recv_fds(control, 1, 1)
        if not told:
            os.killpg(0, signal.SIGKILL)
        if os.fork() == 0:
            control.close()
            with contextlib.suppress(OSError):  # whoever asked has gone
                serve(socket.socket(fileno=sockets[0]))
            os._exit(0)
        for number in sockets:
            os.close(number)


def serve(connection: socket.socket) -> None:
    """Do the one thing that is asked for on ``connection``. Raises OSError if nobody listens any more."""
    with connection.makefile("rb") as lines:
        task = json.loads(lines.readline(MAX_TASK))
    _limit()
    _send(connection, {"process": os.getpid()})
    try:
        choices = task["choices"]
        if "selection" in choices:
            choices["selection"] = Selection(**choices["selection"])
        for header, *arrays in DOES[task["do"]](task["path"], choices):
            _send(connection, header, *arrays)
        _send(connection, {"end": True})
    except ConnectionError:
        raise
    except Exception as error:
        if not os.path.exists(task["path"]):
            return _send(connection, {"problem": f"{Path(task['path']).name} is no longer there; put it back."})
        if isinstance(error, EmorecError):
            return _send(connection, {"problem": str(error)})
        # Not the error's own words, which may hold the file's name and end in a log.
        _send(connection, {"failed": type(error).__name__})


def _probe(path, choices):
    yield ({"info": asdict(media.probe(path, **choices)) | {"path": None}},)


def _frames(path, choices):
    damaged = []
    for frame in media.frames(path, on_damage=damaged.append, **choices):
        plane, limited = frame.grey.plane
        arrays = [np.ascontiguousarray(frame.image), np.ascontiguousarray(plane)]
        header = {"time": frame.time, "shapes": [array.shape for array in arrays], "type": "uint8"}
        yield header | {"limited": limited}, *arrays
    yield from _damage(damaged)


def _audio(path, choices):
    damaged = []
    for block in media.audio(path, on_damage=damaged.append, **choices):
        samples = np.ascontiguousarray(block.samples, np.float32)
        yield {"time": block.time, "shapes": [samples.shape], "type": "float32"}, samples
    yield from _damage(damaged)


def _damage(sentences):
    """Told at the end, and not by whichever thread finds it while this one sends."""
    for sentence in sentences:
        yield ({"damage": sentence},)


def _reached(path, choices):
    yield ({"reached": media_length.reached(path, **choices)},)


def _picture(path, choices):
    _Processor.allow(PICTURE_SECONDS)
    image = np.ascontiguousarray(media_still.read(path, **choices))
    yield {"shapes": [image.shape], "type": "uint8"}, image


def _sounds(path, choices):
    for samples in media_look.sounds(path, **choices):
        samples = np.ascontiguousarray(samples, np.float32)
        yield {"shapes": [samples.shape], "type": "float32"}, samples


def _stills(path, choices):
    for image in media_look.pictures(path, **choices):
        yield {"shapes": [image.shape], "type": "uint8"}, image


DOES = {
    "probe": _probe,
    "frames": _frames,
    "audio": _audio,
    "reached": _reached,
    "picture": _picture,
    "sounds": _sounds,
    "stills": _stills,
}


def _send(connection: socket.socket, header: dict, *arrays: np.ndarray) -> None:
    text = json.dumps(header).encode()
    connection.sendall(LENGTH.pack(len(text)) + text)
    for array in arrays:
        if array.size:
            connection.sendall(memoryview(array).cast("B"))
    _Processor.extend()


class _Processor:
    """The limit on processor time, moved ahead whenever something was got."""

    used = -math.inf

    @classmethod
    def extend(cls) -> None:
        used = time.process_time()
        if used - cls.used >= BEAT:
            cls.used = used
            cls.allow(SECONDS_WITHOUT_PROGRESS)

    @classmethod
    def allow(cls, seconds: int) -> None:
        """So much more from now on."""
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        most = math.ceil(time.process_time()) + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _limit() -> None:
    for kind, most in {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_DATA: MEMORY}.items():
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    media_damage.on_progress = _Processor.extend
    _Processor.extend()


if __name__ == "__main__":
    wait()
