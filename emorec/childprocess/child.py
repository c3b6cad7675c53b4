"""The child's side: receive one task, work on it, and send the answers, in a program or in a fork of one that waits.

A waiting process receives two sockets on its standard input for every fork. The first one is for the fork, which
receives its task and sends its answers over it. The waiting process keeps the second one and kills the fork when the
other end is shut. A fork is reaped only after it was killed, so its process id cannot belong to another process by
then; and a fork that a hostile file controls has no influence on which process is killed.
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

    If the parent ends meanwhile, ``orphaned`` is called with the task, and the process ends with all that it started.
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
    # If it were ignored, the kernel would reap ended forks itself and reuse their ids.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The forks inherit standard input and error: neither may lead to the parent.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 2)
    with contextlib.suppress(OSError):
        control.send(READY)
    _Forks(work, control).serve()


class _Forks:
    """The running forks, each with its kill socket: when the other end of that is shut, the fork is killed."""

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
        connection, kill_socket = (socket.socket(fileno=number) for number in numbers)
        with connection:
            try:
                pid = os.fork()
            except OSError as error:
                kill_socket.close()
                with contextlib.suppress(OSError), connection.makefile("wb") as stdout:
                    messages.send(stdout, {NO_FORK: str(error.strerror)})
                return
            if pid == 0:
                self._serve_in_fork(connection, kill_socket)
        self._running[kill_socket] = pid
        self._selector.register(kill_socket, selectors.EVENT_READ)

    def _serve_in_fork(self, connection: socket.socket, kill_socket: socket.socket) -> NoReturn:
        """Work in a process that holds no socket but its own ``connection``."""
        try:
            for other in (self._control, kill_socket, *self._running):
                other.close()
            with contextlib.suppress(OSError):  # the parent has ended
                with connection.makefile("rb") as stdin:
                    task, _ = messages.receive(stdin)
                with connection.makefile("wb") as stdout:
                    _work(self._do, task, stdout)
        finally:
            os._exit(0)

    def _kill(self, kill_socket: socket.socket) -> None:
        pid = self._running.pop(kill_socket)
        self._selector.unregister(kill_socket)
        kill_socket.close()
        os.kill(pid, signal.SIGKILL)  # it may have ended already, but its id is not reused before it is reaped
        self._killed.add(pid)
