"""The parent's side of a process that has imported everything and is forked for every task.

Starting Python and importing the decoders takes half a second, a fork a few milliseconds. If the system has no
fork, every task starts a new program. The other side is in ``child``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import threading

from emorec.childprocess import messages, process
from emorec.childprocess.process import Child
from emorec.running_time import LOOK, RunningTime

READY = b"r"  # sent by the waiting process once it has imported everything
FORK = "fork"  # the argument that makes a program wait to be forked
START_SECONDS = 120.0  # limit for a program to import everything
WAITED_FOR_END = 1.0  # seconds after which a program that does not start is killed
MAX_ERROR = 1 << 16  # bytes that are read of the standard error of a program that does not start


class CannotStart(Exception):
    """The program does not start; the text says why."""


class ForkServer:
    """Starts a new child for every task; ``command`` is the program, which calls ``child.main``.

    The waiting process is started at first use, and again if it has died.
    """

    def __init__(self, command: tuple[str, ...], keep: tuple[str, ...] = (), **variables: str):
        self.command, self._keep, self._variables = command, keep, variables
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._owner: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the waiting process, None if there is none."""
        return None if self._process is None else self._process.pid

    def environment(self) -> dict[str, str]:
        """The part of this process's environment that children get."""
        return process.environment(self._keep, **self._variables)

    def ask(self, task: dict) -> Child:
        """A new child that works on ``task``. Raises CannotStart, or OSError if no more processes are allowed."""
        if not (hasattr(os, "fork") and hasattr(socket, "send_fds")):
            return self._ask_program(task)
        with contextlib.ExitStack() as failed, contextlib.ExitStack() as sent:
            ends = [*socket.socketpair(), *socket.socketpair()]
            ours, theirs, kill_end, their_kill_end = ends
            for end in (ours, kill_end):
                failed.enter_context(end)
            for end in (theirs, their_kill_end):
                sent.enter_context(end)
            with self._lock:
                self._hand_over([theirs.fileno(), their_kill_end.fileno()])
            failed.pop_all()

        def kill() -> None:
            # Shut, not only closed: a fork of this process may hold the sockets too.
            for end in (kill_end, ours):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

        return Child(task, ours.makefile("wb"), ours.makefile("rb"), kill)

    def _ask_program(self, task: dict) -> Child:
        started = self._start(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child = process.ask(started, task)
        try:
            child.receive(START_SECONDS)
        except messages.ERRORS:
            reason = _reason(started)
            child.end()
            raise CannotStart(reason) from None
        started.stderr.close()  # type: ignore[union-attr]
        return child

    def _start(self, *arguments: str, **options) -> subprocess.Popen:
        return process.start([*self.command, *arguments], self.environment(), stderr=subprocess.PIPE, **options)

    def _hand_over(self, numbers: list[int]) -> None:
        for attempt in (1, 2):
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._start_waiting()
            try:
                socket.send_fds(self._control, [b"x"], numbers)  # type: ignore[arg-type]
                return
            except OSError:
                self.end()
                if attempt == 2:
                    raise

    def _start_waiting(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = self._start(FORK, stdin=theirs, stdout=subprocess.DEVNULL)
        self._owner = os.getpid()
        if _received(self._control) != READY:
            reason = _reason(self._process)
            self.end()
            raise CannotStart(reason)
        self._process.stderr.close()  # type: ignore[union-attr]
        atexit.register(self.end)

    def end(self) -> None:
        """End the waiting process and all its forks."""
        if self._owner == os.getpid() and self._process is not None and self._control is not None:
            with contextlib.suppress(OSError):
                self._control.shutdown(socket.SHUT_RDWR)
            self._control.close()
            self._process.wait()
        self._process = None


def _received(control: socket.socket) -> bytes:
    """What a program sends that has started; nothing if it has not within START_SECONDS, see RunningTime."""
    waited = RunningTime()
    control.settimeout(min(LOOK, START_SECONDS))
    while True:
        try:
            ready = control.recv(len(READY))
        except TimeoutError:
            if waited.passed() < START_SECONDS:
                continue
            return b""
        except OSError:
            return b""
        control.settimeout(None)
        return ready


def _reason(started: subprocess.Popen) -> str:
    """Why a program did not start, from its error output if there is any; it is killed if it still runs."""
    how = process.wait_for_exit(started, WAITED_FOR_END)
    process.kill(started)
    with started.stderr as errors:  # type: ignore[union-attr]
        lines = errors.read(MAX_ERROR).decode(errors="replace").strip().splitlines()
    if lines:
        return process.sentence(lines[-1].strip())[:300]
    if how is not None and how.startswith("signal"):
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(int(how.removeprefix('signal '))).name}"
    return f"it ended with {how}" if how else f"it was not ready within {START_SECONDS:g} s"
