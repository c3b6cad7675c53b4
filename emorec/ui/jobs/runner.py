"""Stage 1 in a thread of its own, so that whoever watches it can stop watching at once."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from emorec.errors import EmorecError
from emorec.media import sandbox
from emorec.ui.jobs.job_queue import Turns
from emorec.ui.server import log
from emorec.ui.server.limits import LINKS, Visitor

UNEXPECTED = "Something went wrong that should not have; the log of the program says what. Try another file."
POLL = 0.1  # seconds between two looks at the line
# Seconds of work that a second of media takes, about: only their order matters.
VIDEO_WORK = 0.1
SOUND_WORK = 0.02
UNKNOWN_LENGTH = 3600.0  # seconds
PROBES = threading.Semaphore(2)  # recordings whose length is looked up at the same time


class _Stopped(Exception):
    """The watcher has gone."""


def expected_work(path: str | Path) -> float:
    """About how long (s) stage 1 takes for a recording; 0 for one that cannot be read, which fails at once."""
    try:
        with PROBES:
            info = sandbox.probe(path)
    except EmorecError:
        return 0.0
    seconds = UNKNOWN_LENGTH if info.duration is None else info.duration
    return seconds * (VIDEO_WORK if info.has_video else SOUND_WORK)


@dataclass(frozen=True, kw_only=True)
class Order:
    """How a run is to be done.

    ``links`` is the line for downloads, ``visitor`` who it is for, ``store`` the folder for what is observed (None: the
    usual cache), ``choices`` go to ``Analyzer.extract``, and ``gone`` tells that nobody waits for it any more.
    """

    links: Turns = field(default_factory=lambda: Turns(LINKS))
    visitor: Visitor | None = None
    store: Path | None = None
    choices: dict = field(default_factory=dict)
    gone: Callable[[], bool] = lambda: False


class Run:
    """One recording on its way through stage 1; ``fetch`` follows a link first, and gives a path and facts.

    ``path`` is known once a link is fetched; ``ahead`` counts the runs before this one while it waits, ``link_ahead``
    the links while that waits; ``fetched`` is the share of a link that has arrived, None while that is not known;
    ``observations`` are the latest; ``problem`` is a sentence once something went wrong; ``stored`` tells that nothing
    had to be decoded. ``facts`` say where a fetched recording is from. ``key`` is the name that the observations are
    stored under, in ``order.store``; "" while nothing is.
    """

    def __init__(self, analyzer, path, turns, fetch=None, order: Order | None = None):
        self.path, self.ahead, self.link_ahead, self.fetched = path, 0, 0, None
        self.observations, self.problem, self.stored = None, "", False
        self.facts, self.key = {}, ""
        self.order = order or Order()
        self._engine, self._turns, self._fetch = analyzer, turns, fetch
        self._news, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def running(self):
        """Whether anything may still change."""
        return self._thread.is_alive()

    def wait(self, seconds):
        """Return when there is news, or after so many seconds; tell which."""
        told = self._news.wait(seconds)
        self._news.clear()
        return told

    def stop(self):
        """Ask it to end; what was observed stays. Returns at once, the thread ends when it next can."""
        self._stop.set()

    def join(self):
        """Wait for the end."""
        self._thread.join()

    def _work(self):
        try:
            if self._fetch:
                with self._turn(self.order.links, "link_ahead"):
                    self.path, self.facts = self._fetch(self._arrived)
                self._news.set()
            if not self._fetch:
                self._turns.check(self.order.visitor)
            expected = expected_work(self.path)
            with self._turn(self._turns, "ahead", admitted=bool(self._fetch), expected=expected) as ticket:
                self._observe(ticket)
        except EmorecError as error:
            self.problem = str(error)
        except _Stopped:
            pass
        except Exception as error:
            log.failed("The analysis failed", error)
            self.problem = UNEXPECTED
        finally:
            self._news.set()

    @contextlib.contextmanager
    def _turn(self, line, counted, **how):
        """Wait for a turn in a line, and give it back in the end."""
        ticket = line.join(self.order.visitor, **how)
        try:
            self._wait_for_turn(line, ticket, counted)
            yield ticket
        finally:
            line.leave(ticket)

    def _wait_for_turn(self, line, ticket, counted):
        while ahead := line.ahead(ticket):
            if ahead != getattr(self, counted):
                setattr(self, counted, ahead)
                self._news.set()
            if self._stop.wait(POLL) or self.order.gone():
                raise _Stopped
        setattr(self, counted, 0)

    def _arrived(self, share):
        """Take note of the share (0 to 1, or None) of a link that has arrived."""
        if self._stop.is_set() or self.order.gone():
            raise _Stopped
        self.fetched = share
        self._news.set()

    def _observe(self, ticket):
        """Observe in slices; between two of them others have their turn, and nothing is held open."""
        while not self._slice(ticket):
            self._wait_for_turn(self._turns, ticket, "ahead")

    def _slice(self, ticket):
        """Observe until all is done, which is told, or until somebody else has to have a turn."""
        choices = self.order.choices | ({} if self.order.store is None else {"cache": self.order.store})
        before = self.observations.until if self.observations else -1.0
        with contextlib.closing(self._engine.extract(self.path, **choices)) as growing:
            for observations in growing:
                self.stored = self.observations is None and observations.complete
                self.observations, self.key = observations, observations.key
                self._news.set()
                if self._stop.is_set() or self.order.gone():
                    raise _Stopped
                # At least one more segment in every slice, or it would never come to an end.
                if not observations.complete and observations.until > before and self._turns.pause(ticket):
                    return False
        return True
