"""Write a file that takes long, such as an annotated video: in a thread, after those that came before it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from emorec.errors import EmorecError
from emorec.ui.jobs.job import POLL, UNEXPECTED
from emorec.ui.jobs.job_queue import JobQueue, Ticket
from emorec.ui.server import log
from emorec.ui.server.limits import Visitor

FULL = "Too many files are being written here already; try again in a few minutes."

Write = Callable[[Callable[[float], None]], None]  # is given what to call with the share that is written, 0 to 1


class _Stopped(Exception):
    """Nobody needs the file any more."""


class Writing:
    """A file that is being written; it starts at once.

    What other threads may read: ``files_ahead``, the files before this one while it waits; ``share``, how much is
    written (0 to 1); and at the end ``problem``, a sentence if it failed, and ``stopped``, whether it was stopped.
    """

    def __init__(
        self, write: Write, queue: JobQueue, visitor: Visitor, client_gone: Callable[[], bool] = lambda: False
    ):
        self.files_ahead, self.share, self.problem, self.stopped = 0, 0.0, "", False
        self._write, self._queue, self._visitor, self._client_gone = write, queue, visitor, client_gone
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether anything may still change."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait until the file is written, at most so many seconds; returns whether it has ended."""
        self._thread.join(seconds)
        return not self.running

    def stop(self) -> None:
        """Ask it to stop. Returns at once; the thread ends a little later."""
        self._stop.set()

    def _run(self) -> None:
        try:
            ticket = self._place()
            try:
                self._wait_for_turn(ticket)
                self._write(self._report)
            finally:
                self._queue.leave(ticket)
        except EmorecError as error:
            self.problem = str(error)
        except _Stopped:
            self.stopped = True
        except Exception as error:
            log.error("A file could not be written", error)
            self.problem = UNEXPECTED

    def _place(self) -> Ticket:
        try:
            return self._queue.join(self._visitor)
        except EmorecError:  # which speaks of analyses
            raise EmorecError(FULL) from None

    def _wait_for_turn(self, ticket: Ticket) -> None:
        while ahead := self._queue.jobs_ahead(ticket):
            self.files_ahead = ahead
            self._check_stopped()
            self._stop.wait(POLL)
        self.files_ahead = 0

    def _report(self, share: float) -> None:
        self.share = share
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stop.is_set() or self._client_gone():
            raise _Stopped
