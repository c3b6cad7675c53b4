"""Several recordings of one visitor, analysed one after the other; one that fails does not stop the others."""

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
POLL = 0.5  # seconds between two looks at a job
RETRY = 3.0  # seconds until a queue that was full is asked again
FULL = (BUSY, TOO_MANY, TOO_MANY_FROM_THERE)
TOO_LONG = "The list holds {most} recordings at most; the others were not added."

WAITING, WORKING, DONE, FAILED, STOPPED = "waiting", "at work", "done", "failed", "stopped"


@dataclass(eq=False, kw_only=True)
class Item:
    """One recording of the list.

    ``name`` is unique in the list, with the folder that the visitor chose; ``path`` is the file. ``share`` (0 to 1) is
    how much is done while it is at work; ``problem`` is a sentence if it failed; ``result`` is what ``Work.finish``
    made of it. ``choices`` are those of the work that was done, or failed; ``before`` is the state that it gets back if
    the work at hand is stopped.
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

    ``begin`` starts its job; ``finish`` makes its result from the complete features, and raises EmorecError; ``gone``
    says whether nobody waits for the list any more. ``choices`` are what all of it is made with, by which one work is
    told from another.
    """

    begin: Callable[[Item], Job]
    finish: Callable[[Item, Job], Any]
    gone: Callable[[], bool] = lambda: False
    choices: Any = None


class Batch:
    """The list; ``start`` works through it in a thread of its own."""

    def __init__(self):
        self._items: dict[str, Item] = {}
        self._lock = threading.RLock()
        self._finishing = threading.Lock()  # held while a result is made
        self._closed = False
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._work: Work | None = None  # the last one
        self.digests: dict[str, dict[str, int]] = {}  # digests of what each page of the browser shows, by session

    @property
    def full(self) -> bool:
        """Whether nothing more can be added."""
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
        """Take a recording from the list, and stop its job; returns it, which gets no result any more."""
        self.cancel(name)
        with self._finishing, self._lock:
            return self._items.pop(name, None)

    def renew(self, make: Callable[[Item], Any]) -> bool:
        """Give each recording that is done the result that ``make`` returns, if it is not None; returns whether there
        is another one. A list that is closed keeps its results."""
        renewed = False
        for item in self.items:
            with self._finishing:  # for each, so that what is removed meanwhile gets none
                if self._closed:
                    break
                # One that is being made again may be cancelled, and is done then with the result that it has.
                done = item.state == DONE or (item.state_before == DONE and item.state in (WAITING, WORKING))
                if done and self.get(item.id) is item and (result := make(item)) is not None:
                    item.result, renewed = result, True
        return renewed

    def cancel(self, name: str | None = None) -> None:
        """Stop one recording, or all that wait or are at work."""
        with self._lock:
            for item in self._items.values():
                if name in (None, item.id):
                    item.cancelled = True
                    if item.state == WAITING and (name is not None or self._thread is not None):
                        item.state = item.state_before
            if name is None:
                self._stopping.set()

    def close(self) -> None:
        """Stop all for good: what the list has is about to be deleted, and must not be written again."""
        self._closed = True
        self.cancel()

    def join(self) -> None:
        """Wait until the work has ended, after ``cancel``, and a result that is being renewed is written; after
        ``close`` nothing is written any more."""
        with self._lock:
            thread = self._thread
        if thread:
            thread.join()
        with self._finishing:
            pass

    def start(self, work: Work) -> bool:
        """Work through what waits, what was stopped before or failed, and what was done with other choices; returns
        whether there is anything."""
        with self._lock:
            for item in self._items.values():
                # What works already has choices of its own.
                other = self._thread is None and (
                    item.state == FAILED or (item.state == DONE and item.choices != work.choices)
                )
                if other or item.state in (STOPPED, WAITING):
                    if item.state != WAITING:  # else it keeps what it was before
                        item.state_before = item.state
                    item.state, item.cancelled, item.share = WAITING, False, None
            if self._thread is not None:
                return True
            self._work, self._stopping = work, threading.Event()  # also for what is added later, by ``go_on``
            return self._begin(work)

    def forget_work(self) -> None:
        """Let ``go_on`` not repeat an earlier work: the one that was asked for last was refused."""
        with self._lock:
            if self._thread is None:
                self._work = None

    def go_on(self) -> None:
        """Work on what was added since, as the last work did, unless that was cancelled."""
        with self._lock:
            if self._thread is None and self._work is not None and not self._stopping.is_set():
                self._begin(self._work)

    def _begin(self, work: Work) -> bool:
        """Work through what waits; returns whether anything does."""
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
        """The next recording that waits. Without one the work ends, in one step, so that none is added unnoticed."""
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
                if item.cancelled or stopping.is_set():  # what it has may be deleted by now
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
