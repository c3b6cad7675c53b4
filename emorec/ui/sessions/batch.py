"""A list of recordings of one visitor, analysed one after the other; one that fails does not stop the others."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.ui.jobs.job import UNEXPECTED, Job
from emorec.ui.jobs.job_queue import BUSY, TOO_MANY, TOO_MANY_FROM_THERE
from emorec.ui.server import log

MAX_ITEMS = 500  # recordings in one list
POLL = 0.5  # seconds between two checks of a job
RETRY = 3.0  # seconds until a job is started again after the queue was full
FULL = (BUSY, TOO_MANY, TOO_MANY_FROM_THERE)
TOO_LONG = "The list holds {most} recordings at most; the others were not added."

WAITING, WORKING, DONE, FAILED, STOPPED = "waiting", "at work", "done", "failed", "stopped"


@dataclass(eq=False, kw_only=True)
class Item:
    """One recording of the list.

    ``name`` is unique in the list, with the folder that the visitor chose; ``path`` is the file. ``share`` (0 to 1) is
    the part done while it is at work; ``problem`` is a sentence if it failed; ``result`` is that of ``Work.finish``.
    ``choices`` are those of the last work that was done or failed; ``state_before`` is the state to which it returns if
    the current work is stopped.
    """

    name: str
    path: str
    state: str = WAITING
    share: float | None = None
    problem: str = ""
    result: Any = None
    choices: Any = None
    state_before: str = STOPPED
    cancelled: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True, kw_only=True)
class Work:
    """How a recording is worked on.

    ``begin`` starts its job; ``finish`` makes its result from the complete features, and may raise EmorecError;
    ``gone`` tells whether nobody waits for the list any more. ``choices`` are those of all its results; two works with
    equal choices make the same results.
    """

    begin: Callable[[Item], Job]
    finish: Callable[[Item, Job], Any]
    gone: Callable[[], bool] = lambda: False
    choices: Any = None


class Batch:
    """The list; ``start`` works through it in a separate thread."""

    def __init__(self):
        self._items: dict[str, Item] = {}
        self._lock = threading.RLock()
        self._finishing = threading.Lock()  # held while a result is made
        self._closed = False
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._work: Work | None = None  # the last one
        self.digests: dict[str, dict[str, int]] = {}  # of what each page of the browser shows, by session

    @property
    def full(self) -> bool:
        """Whether no more recordings can be added."""
        with self._lock:
            return len(self._items) >= MAX_ITEMS

    @property
    def items(self) -> list[Item]:
        """The recordings in the order in which they were added."""
        with self._lock:
            return list(self._items.values())

    @property
    def running(self) -> bool:
        """Whether the list is being worked through."""
        with self._lock:
            return self._thread is not None

    def add(self, name: str, path: str) -> Item:
        """Add a recording; a name that is there already gets a number. Raises EmorecError if the list is full."""
        with self._lock:
            if self.full:
                raise EmorecError(TOO_LONG.format(most=MAX_ITEMS))
            taken, number, unique = {item.name for item in self._items.values()}, 1, name
            while unique in taken:
                number += 1
                unique = f"{name} ({number})"
            item = Item(name=unique, path=path)
            self._items[item.id] = item
        return item

    def get(self, name: str) -> Item | None:
        """The recording with this ``id``."""
        with self._lock:
            return self._items.get(name)

    def remove(self, name: str) -> Item | None:
        """Stop the job of a recording and remove it from the list; returns it, None if it is not there."""
        self.cancel(name)
        with self._finishing, self._lock:
            return self._items.pop(name, None)

    def renew(self, make: Callable[[Item], Any]) -> bool:
        """Give each recording that is done the result of ``make``, if that is not None; returns whether there is one.

        The results of a list that is closed do not change.
        """
        renewed = False
        for item in self.items:
            with self._finishing:  # for each recording, so that one that is removed meanwhile gets no result
                if self._closed:
                    break
                # A recording that is analysed again has its old result, which stays if this is cancelled.
                done = item.state == DONE or (item.state_before == DONE and item.state in (WAITING, WORKING))
                if done and self.get(item.id) is item and (result := make(item)) is not None:
                    item.result, renewed = result, True
        return renewed

    def cancel(self, name: str | None = None) -> None:
        """Stop one recording, or with None all that wait or are at work."""
        with self._lock:
            for item in self._items.values():
                if name in (None, item.id):
                    item.cancelled = True
                    if item.state == WAITING and (name is not None or self._thread is not None):
                        item.state = item.state_before
            if name is None:
                self._stopping.set()

    def close(self) -> None:
        """Stop all for good, before the results of the list are deleted, so that none is written again."""
        self._closed = True
        self.cancel()

    def join(self) -> None:
        """Wait, after ``cancel`` or ``close``, until the work and a ``renew`` have ended.

        After ``close`` nothing is written any more.
        """
        with self._lock:
            thread = self._thread
        if thread:
            thread.join()
        with self._finishing:
            pass

    def start(self, work: Work) -> bool:
        """Work on all recordings that wait, were stopped or failed, or were done with other choices.

        Returns whether there are any.
        """
        with self._lock:
            for item in self._items.values():
                # If the list is being worked through, that work has its own choices.
                again = self._thread is None and (
                    item.state == FAILED or (item.state == DONE and item.choices != work.choices)
                )
                if again or item.state in (STOPPED, WAITING):
                    if item.state != WAITING:  # else ``state_before`` is set already
                        item.state_before = item.state
                    item.state, item.cancelled, item.share = WAITING, False, None
            if self._thread is not None:
                return True
            # ``go_on`` uses the work again for recordings that are added later.
            self._work, self._stopping = work, threading.Event()
            return self._begin(work)

    def forget_work(self) -> None:
        """Forget the last work, so that ``go_on`` does not use it; called if a newer work is refused."""
        with self._lock:
            if self._thread is None:
                self._work = None

    def go_on(self) -> None:
        """Work on recordings that were added meanwhile, with the last work, unless that was cancelled."""
        with self._lock:
            if self._thread is None and self._work is not None and not self._stopping.is_set():
                self._begin(self._work)

    def _begin(self, work: Work) -> bool:
        """Start the thread if a recording waits; returns whether one does."""
        if not any(item.state == WAITING for item in self._items.values()):
            return False
        self._thread = threading.Thread(target=self._run, args=(work, self._stopping), daemon=True)
        self._thread.start()
        return True

    def _run(self, work: Work, stopping: threading.Event) -> None:
        while (item := self._next(stopping.is_set() or work.gone())) is not None:
            try:
                self._analyse(item, work, stopping)
            except EmorecError as error:
                _fail(item, work, str(error))
            except Exception as error:
                log.error("A recording of a list could not be analysed", error)
                _fail(item, work, UNEXPECTED)

    def _next(self, stop: bool) -> Item | None:
        """The next recording that waits, or None. Then the work has ended, before another one can be added."""
        with self._lock:
            waiting = [item for item in self._items.values() if item.state == WAITING]
            if stop or not waiting:
                for item in waiting:
                    item.state = item.state_before
                self._thread = None
                return None
            waiting[0].state = WORKING
            return waiting[0]

    def _analyse(self, item: Item, work: Work, stopping: threading.Event) -> None:
        job = work.begin(item)
        while job.running:
            job.wait(POLL)
            if item.cancelled or stopping.is_set():
                job.stop()
            item.share = _share(job.features)
        if job.problem in FULL and not item.cancelled:
            stopping.wait(RETRY)
            item.state = item.state_before if stopping.is_set() else WAITING
        elif job.problem:
            _fail(item, work, job.problem)
        elif job.features is None or not job.features.complete:
            item.state = item.state_before
        else:
            with self._finishing:
                if item.cancelled or stopping.is_set():  # its file may have been deleted
                    item.state = item.state_before
                else:
                    item.result, item.choices, item.problem = work.finish(item, job), work.choices, ""
                    item.state = DONE


def _fail(item: Item, work: Work, problem: str) -> None:
    item.state, item.choices, item.problem = FAILED, work.choices, problem


def _share(features: Features | None) -> float | None:
    if features is None:
        return None
    total = max(features.duration, features.until)
    return features.until / total if total else 0.0
