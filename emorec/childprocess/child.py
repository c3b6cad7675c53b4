"""The child's side: receive one task, work on it, and send the answers; alone, or as a fork of a process that waits.

A waiting process gets two sockets on its standard input for every fork. The first is the fork's own: on it come the
task and go the answers. The second belongs to the waiting process alone, which kills the fork when the other end is
shut. It has not waited for the fork by then, so the fork's number can be no other process's; the fork, which may be in
the power of a hostile file, has no influence on who is killed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import IO, NoReturn

from emorec.childprocess import messages
from emorec.childprocess.forkserver import FORK, READY

LOOK_AGAIN = 0.1  # seconds between two looks at a killed fork that has not ended yet
NO_FORK = "cannot_fork"  # the header of the answer that says why there is no fork

Send = Callable[..., None]  # (header, *arrays): sends one message
Work = Callable[[dict, Send], None]  # works on a task


def main(work: Work) -> None:
    """The whole program of a child whose work may begin in a fork."""
    if FORK in sys.argv[1:]:
        serve_forks(work)
    else:
        run_task(work, ready=True)


def run_task(work: Work, orphaned: Callable[[dict], None] | None = None, ready: bool = False) -> NoReturn:
    """Work on the one task that arrives on standard input, answering on standard output, then end this process.

    If the parent goes meanwhile, ``orphaned`` is called with the task, and the process ends with all that it started.
    """
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # No library may write between the messages, and a program that is started gets neither end of them.
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    with contextlib.suppress(OSError):
        if ready:
            messages.send(stdout, {"ready": True})
        task, _ = messages.receive(stdin)

        def end_with_parent() -> None:
            stdin.read(1)  # nothing more is ever sent: this returns when the other end is closed
            if orphaned is not None:
                orphaned(task)
            if hasattr(os, "killpg") and hasattr(signal, "SIGKILL"):
                os.killpg(0, signal.SIGKILL)
            os._exit(0)

        threading.Thread(target=end_with_parent, daemon=True).start()
        _work(work, task, stdout)
    os._exit(0)  # threads of libraries must not delay the end


def _work(work: Work, task: dict, stdout: IO[bytes]) -> None:
    work(task, lambda header, *arrays: messages.send(stdout, header, *arrays))


def serve_forks(work: Work) -> None:
    """Fork this process for every pair of sockets that arrives, until the parent has ended."""
    control = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would give away the numbers of ended forks
    # The forks inherit standard input and error: neither may lead to the parent.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 2)
    with contextlib.suppress(OSError):
        control.send(READY)
    _Forks(work, control).serve()


class _Forks:
    """The forks that run, each with the socket whose other end is shut when it is to be killed."""

    def __init__(self, work: Work, control: socket.socket):
        self._do, self._control = work, control
        self._running: dict[socket.socket, int] = {}
        self._killed: set[int] = set()
        self._selector = selectors.PollSelector()  # unlike epoll, it has no descriptor that a fork would inherit
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> NoReturn:
        while True:
            for key, _ in self._selector.select(LOOK_AGAIN if self._killed else None):
                if key.fileobj is self._control:
                    self._fork()
                else:
                    self._kill(key.fileobj)  # type: ignore[arg-type]
            self._killed = {pid for pid in self._killed if os.waitpid(pid, os.WNOHANG) == (0, 0)}

    def _fork(self) -> None:
        received, numbers, _, _ = socket.recv_fds(self._control, 1, 2)
        if not received:  # the parent has ended
            for pid in self._running.values():
                os.kill(pid, signal.SIGKILL)
            os.killpg(0, signal.SIGKILL)
        connection, life = (socket.socket(fileno=number) for number in numbers)
        with connection:
            try:
                pid = os.fork()
            except OSError as error:
                life.close()
                with contextlib.suppress(OSError), connection.makefile("wb") as stdout:
                    messages.send(stdout, {NO_FORK: str(error.strerror)})
                return
            if pid == 0:
                self._serve_in_fork(connection, life)
        self._running[life] = pid
        self._selector.register(life, selectors.EVENT_READ)

    def _serve_in_fork(self, connection: socket.socket, life: socket.socket) -> NoReturn:
        """Work in a process that holds no socket but its own ``connection``."""
        try:
            for other in (self._control, life, *self._running):
                other.close()
            with contextlib.suppress(OSError):  # the parent has ended
                with connection.makefile("rb") as stdin:
                    task, _ = messages.receive(stdin)
                with connection.makefile("wb") as stdout:
                    _work(self._do, task, stdout)
        finally:
            os._exit(0)

    def _kill(self, life: socket.socket) -> None:
        pid = self._running.pop(life)
        self._selector.unregister(life)
        life.close()
        os.kill(pid, signal.SIGKILL)  # it may have ended already; its number is still its own
        self._killed.add(pid)
