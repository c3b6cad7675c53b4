"""Work in a separate thread that waits for its turn in a queue, and can be stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from emorec.ui.jobs.job_queue import JobQueue, Ticket
from emorec.ui.server.limits import Visitor

POLL = 0.1  # seconds between two checks of the queue


class Stopped(Exception):
    """Nobody needs the result any more."""


class QueuedWork:
    """The base of a job: ``_run`` does the work, in a thread that the subclass starts when it is ready.

    ``visitor`` is whose work it is; ``client_gone`` tells whether nobody waits for the result any more.
    """

    def __init__(self, visitor: Visitor | None, client_gone: Callable[[], bool]):
        self._visitor, self._client_gone = visitor, client_gone
        self._changed, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def running(self) -> bool:
        """Whether anything may still change."""
        return self._thread.is_alive()

    @property
    def asked_to_stop(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask the work to stop. Returns at once; the thread ends a little later."""
        self._stop.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait until the work has ended, at most so many seconds."""
        self._thread.join(seconds)

    def _run(self) -> None:
        raise NotImplementedError

    @contextlib.contextmanager
    def _ticket(self, queue: JobQueue, counter: str, admitted: bool = False, expected: float = 0.0) -> Iterator[Ticket]:
        """Wait in a queue; within this context the work is active. ``counter`` names the attribute to update."""
        ticket = queue.join(self._visitor, admitted, expected)
        try:
            self._wait_until_active(queue, ticket, counter)
            yield ticket
        finally:
            queue.leave(ticket)

    def _wait_until_active(self, queue: JobQueue, ticket: Ticket, counter: str) -> None:
        while ahead := queue.jobs_ahead(ticket):
            if ahead != getattr(self, counter):
                setattr(self, counter, ahead)
                self._changed.set()
            if self._stop.wait(POLL) or self._client_gone():
                raise Stopped
        setattr(self, counter, 0)

    def _check_stopped(self) -> None:
        if self._stop.is_set() or self._client_gone():
            raise Stopped
