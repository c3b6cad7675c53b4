"""The processes that read files for this one, as seen from here: how a copy is got, asked, heard and ended.

See ``worker_child`` for what they are. Nothing that a copy says is trusted: sizes, types and deadlines are checked,
nothing is unpickled, and what it is killed by does not come from it.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from emorec.errors import EmorecError
from emorec.media.sandbox import messages
from emorec.media.sandbox.server import READY

COMMAND = (sys.executable, "-P", "-m", "emorec.media.sandbox.server")
START_SECONDS = 120.0
"""Seconds in which the waiting process must have imported everything."""

MAX_DAMAGES = 32
"""Sentences about damage in one pass over one file, which has one or two."""

MAX_ERROR = 1 << 16
"""Bytes that are read of what a process that does not start writes to its standard error."""

KEPT_VARIABLES = frozenset(
    {
        "PATH",
        "HOME",
        "TZ",
        "SYSTEMROOT",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "DYLD_LIBRARY_PATH",
        "GLIBC_TUNABLES",
        "LANG",
        "LANGUAGE",
        "LOCPATH",
        "GCONV_PATH",
        "PYTHONHOME",
        "PYTHONUSERBASE",
        "PYTHONNOUSERSITE",
        "PYTHONPLATLIBDIR",
        "PYTHONUTF8",
        "PYTHONCOERCECLOCALE",
        "PYTHONPYCACHEPREFIX",
        "PYTHONDONTWRITEBYTECODE",
    }
)
"""What a process that decodes gets of the environment, beside PYTHONPATH and LC_*: what Python needs to find modules
and libraries and to read file names. Passwords and tokens stay here."""

Made = TypeVar("Made")


def answers(
    do: str,
    path: Path,
    made: Callable[[dict, list[np.ndarray]], Made],
    on_damage: Callable[[str], None] | None = None,
    **choices,
) -> Iterator[Made]:
    """What a fresh process answers, each a header and its arrays, as ``made`` turns them into something.

    ``made`` may raise ValueError, KeyError or TypeError for an answer that cannot be. Raises EmorecError.
    """
    copy, damages = Waiting.copy(), 0
    connection = copy.connection
    try:
        connection.settimeout(messages.SILENT_FOR)
        task = {"do": do, "path": str(path.absolute()), "choices": choices}
        connection.sendall(json.dumps(task).encode() + b"\n")
        while True:
            header, arrays = messages.receive(connection)
            if "damage" in header:
                damages += 1
                if damages > MAX_DAMAGES:
                    raise ValueError("no file is damaged in so many ways")
                if on_damage is not None:
                    on_damage(messages.sentence(header["damage"]))
            elif "problem" in header:
                raise EmorecError(messages.sentence(header["problem"]))
            elif "failed" in header:
                logging.getLogger("emorec").warning("A decoder failed: %.80r", header["failed"])
                raise EmorecError(f"{path.name} cannot be decoded: the file is damaged; was it copied completely?")
            elif "end" in header:
                return
            else:
                yield made(header, arrays)
    except EmorecError:  # a ValueError, but already the sentence for the user
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise EmorecError(
            f"{path.name} cannot be decoded: reading it takes too much time or memory, or makes the decoder fail; "
            "convert it with another program, or give another file."
        ) from error
    finally:
        copy.end()


@dataclass(frozen=True)
class Copy:
    """A fresh copy: the ``connection`` to it, and the socket that the waiting process kills it by when it is shut."""

    connection: socket.socket
    life: socket.socket

    def end(self) -> None:
        """Kill it, if it has not ended; returns at once."""
        with contextlib.suppress(OSError):  # shut, not only closed: a fork of this process may hold it too
            self.life.shutdown(socket.SHUT_RDWR)
        self.life.close()
        self.connection.close()


class Waiting:
    """The one process that waits to be copied, started at first use and again should it have died."""

    _lock = threading.Lock()
    _process: subprocess.Popen | None = None
    _control: socket.socket | None = None
    _owner: int | None = None

    @classmethod
    def copy(cls) -> Copy:
        """A fresh copy. Raises EmorecError if there can be none."""
        with contextlib.ExitStack() as failed, contextlib.ExitStack() as sent:
            try:
                ends = [*socket.socketpair(), *socket.socketpair()]
                ours, theirs, life, their_life = ends
                for end in (ours, life):
                    failed.enter_context(end)
                for end in (theirs, their_life):
                    sent.enter_context(end)
                with cls._lock:
                    cls._hand_over([theirs.fileno(), their_life.fileno()])
            except OSError as error:
                raise EmorecError(f"No process can be started to decode in ({error}); end other programs.") from error
            failed.pop_all()
            return Copy(ours, life)

    @classmethod
    def _hand_over(cls, numbers: list[int]) -> None:
        for attempt in (1, 2):
            if cls._process is None or cls._owner != os.getpid() or cls._process.poll() is not None:
                cls._start()
            try:
                socket.send_fds(cls._control, [b"x"], numbers)
                return
            except OSError:
                cls._end()
                if attempt == 2:
                    raise

    @classmethod
    def _start(cls) -> None:
        control, theirs = socket.socketpair()
        with theirs:
            cls._process = subprocess.Popen(
                COMMAND,
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(),
                start_new_session=True,
            )
        cls._control, cls._owner = control, os.getpid()
        with cls._process.stderr as errors:
            try:
                control.settimeout(START_SECONDS)
                if control.recv(1) == READY:
                    control.settimeout(None)
                    atexit.register(cls._end)
                    return
                words = _reason(cls._process, errors.read(MAX_ERROR))
            except TimeoutError:
                words = f"it was not ready within {START_SECONDS:.0f} s"
            cls._process.kill()
            cls._end()
        raise EmorecError(f"The process that decodes cannot be started ({words}); install emorec again.")

    @classmethod
    def _end(cls) -> None:
        """Close the other end, whereupon the process ends itself and its copies."""
        if cls._owner == os.getpid() and cls._process is not None:
            with contextlib.suppress(OSError):
                cls._control.shutdown(socket.SHUT_RDWR)
            cls._control.close()
            cls._process.wait()
        cls._process = None


def environment() -> dict[str, str]:
    """What a process that decodes has of this one's environment."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES or name.startswith("LC_")}
    root = str(Path(__file__).absolute().parents[3])
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    # A process with threads is not to be copied.
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


def _reason(process: subprocess.Popen, errors: bytes) -> str:
    """Why a process ended, in its own last words if it had any."""
    lines = errors.decode(errors="replace").strip().splitlines()
    if lines:
        return messages.sentence(lines[-1].strip())[:300]
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(START_SECONDS)
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with code {code}"
    return "it broke off"
