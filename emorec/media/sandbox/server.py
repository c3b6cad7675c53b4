"""The processes that decode: one that is ready and waits, and a fresh copy of it for every recording that is read.

A copy lives as long as one pass over one file. It may hold so much memory, write no file, and use so many seconds of a
processor without getting further in the recording; the kernel ends it where it exceeds that. Whatever a hostile file
does to a decoder, it does to this.

The waiting process gets two sockets on its standard input for every copy. On the first, the copy is told what to do in
one line of JSON, ``{do, path, choices}``, and answers with messages: four bytes of length, so much JSON, and the arrays
that this speaks of. The second belongs to the waiting process alone: when its other end is shut, it kills the copy. It
knows the copy's number as its parent and has not yet waited for it, so that number can be no other process's; a copy,
which may be in the power of a hostile file, has no say in who is killed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import selectors
import signal
import socket
import struct
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.media import duration, excerpt, integrity, streams
from emorec.media import image as media_still
from emorec.media.selection import Selection

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

READY = b"r"
"""What the waiting process says once it has imported everything."""

LOOK_AGAIN = 0.1
"""Seconds between two looks at a killed copy that has not ended yet."""


def wait() -> None:
    """Copy this process for every pair of sockets that arrives, until nobody holds the other end any more."""
    control = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would give away the numbers of ended copies
    # The copies inherit standard input and error: neither may lead to the process that gives the orders.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 2)
    with contextlib.suppress(OSError):
        control.send(READY)
    Copies(control).serve()


class Copies:
    """The copies that run, each with the socket whose other end is shut when it is to be killed."""

    def __init__(self, control: socket.socket):
        self._control = control
        self._running: dict[socket.socket, int] = {}
        self._killed: set[int] = set()
        self._selector = selectors.PollSelector()  # unlike epoll, it holds nothing that a copy would inherit
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Start and end copies as they are asked for."""
        while True:
            for key, _ in self._selector.select(LOOK_AGAIN if self._killed else None):
                if key.fileobj is self._control:
                    self._start()
                else:
                    self._end(key.fileobj)
            self._killed = {number for number in self._killed if os.waitpid(number, os.WNOHANG) == (0, 0)}

    def _start(self) -> None:
        told, numbers, _, _ = socket.recv_fds(self._control, 1, 2)
        if not told:
            for number in self._running.values():
                os.kill(number, signal.SIGKILL)
            os.killpg(0, signal.SIGKILL)
        connection, life = (socket.socket(fileno=number) for number in numbers)
        with connection:
            try:
                number = os.fork()
            except OSError as error:
                life.close()
                with contextlib.suppress(OSError):
                    problem = f"No process can be started to decode in ({error.strerror}); end other programs."
                    _send(connection, {"problem": problem})
                return
            if number == 0:
                self._be_a_copy(connection, life)
        self._running[life] = number
        self._selector.register(life, selectors.EVENT_READ)

    def _be_a_copy(self, connection: socket.socket, life: socket.socket) -> None:
        """Serve in a process that holds no socket but its own ``connection``; does not return."""
        try:
            for other in (self._control, life, *self._running):
                other.close()
            with contextlib.suppress(OSError):  # whoever asked has gone
                serve(connection)
        finally:
            os._exit(0)

    def _end(self, life: socket.socket) -> None:
        """Kill a copy, which may have ended already: it is waited for only now, so the number is still its own."""
        number = self._running.pop(life)
        self._selector.unregister(life)
        life.close()
        os.kill(number, signal.SIGKILL)
        self._killed.add(number)


def serve(connection: socket.socket) -> None:
    """Do the one thing that is asked for on ``connection``. Raises OSError if nobody listens any more."""
    with connection.makefile("rb") as lines:
        task = json.loads(lines.readline(MAX_TASK))
    _limit()
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
        if isinstance(error, ImportError):
            problem = f"The decoder's installation is not whole ({error}); install emorec again."
            return _send(connection, {"problem": problem})
        # Not the error's own words, which may hold the file's name and end in a log.
        _send(connection, {"failed": type(error).__name__})


def _probe(path, choices):
    yield ({"info": asdict(streams.probe(path, **choices)) | {"path": None}},)


def _frames(path, choices):
    damaged = []
    for frame in streams.frames(path, on_damage=damaged.append, **choices):
        yield from _damage(damaged)
        plane, limited = frame.grey.plane
        arrays = [np.ascontiguousarray(frame.image), np.ascontiguousarray(plane)]
        header = {"time": frame.time, "shapes": [array.shape for array in arrays], "type": "uint8"}
        yield header | {"limited": limited}, *arrays
    yield from _damage(damaged)


def _audio(path, choices):
    damaged = []
    for block in streams.audio(path, on_damage=damaged.append, **choices):
        yield from _damage(damaged)
        samples = np.ascontiguousarray(block.samples, np.float32)
        yield {"time": block.time, "shapes": [samples.shape], "type": "float32"}, samples
    yield from _damage(damaged)


def _damage(sentences):
    """Send what was found since, in the thread that sends, whichever thread found it."""
    while sentences:
        yield ({"damage": sentences.pop(0)},)


def _reached(path, choices):
    yield ({"reached": duration.reached(path, **choices)},)


def _picture(path, choices):
    _Processor.allow(PICTURE_SECONDS)
    image = np.ascontiguousarray(media_still.read(path, **choices))
    yield {"shapes": [image.shape], "type": "uint8"}, image


def _sounds(path, choices):
    for samples in excerpt.sounds(path, **choices):
        samples = np.ascontiguousarray(samples, np.float32)
        yield {"shapes": [samples.shape], "type": "float32"}, samples


def _stills(path, choices):
    for image in excerpt.pictures(path, **choices):
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
    integrity.on_progress = _Processor.extend
    _Processor.extend()


if __name__ == "__main__":
    wait()
