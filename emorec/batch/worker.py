"""A process that analyzes one recording after the other, as ``local_engine`` starts it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection

from emorec.batch import temporary
from emorec.batch.engine import Outcome, Task, run_task

PATIENCE = 5.0  # seconds that a process may take to end


class Worker:
    """A process that gets tasks and sends outcomes over ``pipe``; ``task`` is its current one, None if idle."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self.pipe, child = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=work, args=(child,), daemon=True)
        with _no_main_module():
            self._process.start()
        child.close()  # so that the pipe ends when the process does

    def give(self, task: Task) -> None:
        """Give the process a task. Raises OSError if it has ended."""
        self.task = task
        self.pipe.send(task)

    def take(self) -> Outcome:
        """Take the outcome of its task. Raises EOFError or OSError if the process has ended."""
        try:
            return self.pipe.recv()
        finally:
            self.task = None

    def end(self) -> int | None:
        """End the process, whatever it does; return its exit code, negative for a signal."""
        self.pipe.close()
        if self.task is None:  # an idle one ends by itself when its pipe is closed
            self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
        self._process.join(PATIENCE)
        temporary.remove_leftovers()
        return self._process.exitcode


def work(pipe: Connection) -> None:
    """Do tasks until the other end of the pipe closes: the program of the process."""
    # Ctrl-C in a terminal reaches every process of the command; the first one decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(run_task(pipe.recv()))


def _end_with_parent() -> None:
    """End this process when the one that started it is killed: nobody would take its outcomes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Hide the main module, which a started process would otherwise import and so run a user's script again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
