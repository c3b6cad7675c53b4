"""One analysis job: fetches a link if there is one, waits in the queue, and extracts features in its own thread."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emorec import download
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.media import sandbox
from emorec.ui.jobs.job_queue import JobQueue, Ticket
from emorec.ui.jobs.queued_work import QueuedWork, Stopped
from emorec.ui.server import log
from emorec.ui.server.limits import LINKS, Visitor

UNEXPECTED = "Something went wrong that should not have; the log of the program says what. Try another file."
# Seconds of work for a second of media; only their order matters, so rough values are enough.
VIDEO_WORK = 0.1
SOUND_WORK = 0.02
UNKNOWN_DURATION = 3600.0  # seconds that are assumed if the duration is unknown
PROBES = threading.BoundedSemaphore(2)  # limits the recordings that are probed at the same time

Progress = Callable[[float | None], None]  # is called with the part of a link that has arrived (0 to 1, None: unknown)
Fetch = Callable[[Progress], tuple[str, dict]]  # returns the file's path and the facts about its source


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """How a job runs.

    ``link_queue``: the queue for downloads. ``visitor``: whose job it is. ``cache``: the folder for the features (None:
    the library's own). ``extraction``: further arguments for ``Analyzer.extract``. ``client_gone``: whether nobody
    waits for the result any more. ``ended`` is called with the job at its end, in its own thread.
    """

    link_queue: JobQueue = field(default_factory=lambda: JobQueue(LINKS))
    visitor: Visitor | None = None
    cache: Path | None = None
    extraction: dict[str, Any] = field(default_factory=dict)
    client_gone: Callable[[], bool] = lambda: False
    ended: "Callable[[Job], object]" = lambda job: None


class Job(QueuedWork):
    """The extraction of features from one recording; ``fetch`` downloads a link first.

    It starts at once; ``began`` is the time (s, ``time.monotonic``).

    What other threads may read, in the order in which it changes:

    - ``links_ahead``: downloads before this one while it waits; ``fetched``: the part of the link that has arrived (0
      to 1), None if that is unknown; ``path`` and ``facts``: the recording and its source, once a link is fetched.
    - ``jobs_ahead``: jobs before this one while it waits.
    - ``features``: the latest; ``key``: the name under which they are stored in ``options.cache``, "" if they are not.
    - ``stored``: whether all features were found in the cache; ``problem``: a sentence if the job failed.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        path: str | Path,
        queue: JobQueue,
        fetch: Fetch | None = None,
        options: JobOptions | None = None,
    ):
        self.path: str | Path = path
        self.began = time.monotonic()
        self.jobs_ahead = self.links_ahead = 0
        self.fetched: float | None = None
        self.features: Features | None = None
        self.problem, self.stored, self.key = "", False, ""
        self.facts: dict = {}
        self.options = options or JobOptions()
        self._analyzer, self._queue, self._fetch = analyzer, queue, fetch
        super().__init__(self.options.visitor, self.options.client_gone)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until something changes, at most so many seconds; returns whether something has changed."""
        changed = self._changed.wait(seconds)
        self._changed.clear()
        return changed

    def _run(self) -> None:
        try:
            if self._fetch:
                with self._ticket(self.options.link_queue, "links_ahead"):
                    self.path, self.facts = self._fetch(self._report_fetched)
                self._changed.set()
            else:
                self._queue.check_capacity(self.options.visitor)  # before the file is read
            expected = expected_work(self.path)
            with self._ticket(self._queue, "jobs_ahead", admitted=bool(self._fetch), expected=expected) as ticket:
                while not self._extract_until_pause(ticket):
                    self._wait_until_active(self._queue, ticket, "jobs_ahead")
        except EmorecError as error:
            self.problem = str(error)
        except Stopped:
            pass
        except Exception as error:
            log.error("The analysis failed", error)
            self.problem = UNEXPECTED
        finally:
            self.options.ended(self)
            self._changed.set()

    def _report_fetched(self, part: float | None) -> None:
        self._check_stopped()
        self.fetched = part
        self._changed.set()

    def _extract_until_pause(self, ticket: Ticket) -> bool:
        """Extract features until all are there, or another job has to run; returns whether all are there.

        Between two calls nothing of the recording stays open.
        """
        arguments: dict[str, Any] = dict(self.options.extraction)
        if self.options.cache is not None:
            arguments["cache"] = self.options.cache
        before = self.features.until if self.features else -1.0
        with contextlib.closing(self._analyzer.extract(self.path, **arguments)) as growing:
            for features in growing:
                self.stored = self.features is None and features.complete
                self.features, self.key = features, features.key
                self._changed.set()
                self._check_stopped()
                # At least one new segment before each pause, so that the job makes progress.
                if not features.complete and features.until > before and self._queue.pause(ticket):
                    return False
        return True


def expected_work(path: str | Path) -> float:
    """About how long (s) the extraction from a recording takes; 0 if it cannot be read, since that fails at once."""
    try:
        with PROBES:
            info = sandbox.probe(path)
    except EmorecError:
        return 0.0
    seconds = UNKNOWN_DURATION if info.duration is None else info.duration
    return seconds * (VIDEO_WORK if info.has_video else SOUND_WORK)


def link_fetcher(url: str, folder: Path, sound_only: bool = False) -> Fetch:
    """A ``fetch`` for Job that downloads a link into ``folder``."""

    def fetch(report: Progress) -> tuple[str, dict]:
        def progress(arrived: Any) -> None:
            report(min(arrived.done / arrived.total, 1.0) if arrived.total else None)

        fetched = download.fetch(url, folder, progress=progress, sound_only=sound_only)
        return str(fetched.path), fetched.facts

    return fetch
