"""Writes a file that takes long, such as an annotated video, in a thread, after the files asked for earlier."""

from __future__ import annotations

from collections.abc import Callable

from emorec.errors import EmorecError
from emorec.ui.jobs.job import UNEXPECTED
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.jobs.queued_work import QueuedWork, Stopped
from emorec.ui.server import log
from emorec.ui.server.limits import Visitor

FULL = "Too many files are being written here already; try again in a few minutes."

Write = Callable[[Callable[[float], None]], None]  # writes the file, and calls its argument with the share, 0 to 1


class Writing(QueuedWork):
    """A file that is being written; it starts at once.

    What other threads may read: ``files_ahead``, the files before this one while it waits; ``share``, how much is
    written (0 to 1); and at the end ``problem``, a sentence if it failed, and ``stopped``, whether it was stopped.
    ``key`` is that of the features it is written from, None if unknown.
    """

    def __init__(
        self, write: Write, queue: JobQueue, visitor: Visitor, client_gone: Callable[[], bool] = lambda: False
    ):
        self.files_ahead, self.share, self.problem, self.stopped = 0, 0.0, "", False
        self.key: str | None = None
        self._write, self._queue = write, queue
        super().__init__(visitor, client_gone)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until the file is written, at most so many seconds; returns whether it has ended."""
        self.join(seconds)
        return not self.running

    def _run(self) -> None:
        try:
            self._check_capacity()
            with self._ticket(self._queue, "files_ahead"):
                self._write(self._report)
        except EmorecError as error:
            self.problem = str(error)
        except Stopped:
            self.stopped = True
        except Exception as error:
            log.error("A file could not be written", error)
            self.problem = UNEXPECTED

    def _check_capacity(self) -> None:
        try:
            self._queue.check_capacity(self._visitor)
        except EmorecError:  # its sentence is about analyses
            raise EmorecError(FULL) from None

    def _report(self, share: float) -> None:
        self.share = share
        self._check_stopped()
