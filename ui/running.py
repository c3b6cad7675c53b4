"""Stage 1 in a thread of its own, so that whoever watches it can stop watching at once."""

import contextlib
import threading

from emorec.errors import EmorecError
from ui import log

UNEXPECTED = "Something went wrong that should not have; the log of the program says what. Try another file."
POLL = 0.1  # seconds between two looks at the line


class _Stopped(Exception):
    """The watcher has gone."""


class Run:
    """One recording on its way through stage 1; ``fetch`` follows a link first, and gives a path and facts.

    ``path`` is known once a link is fetched; ``ahead`` counts the runs before this one while it waits; ``fetched`` is
    the share of a link that has arrived, None while that is not known; ``observations`` are the latest; ``problem`` is
    a sentence once something went wrong; ``stored`` tells that nothing had to be decoded, ``observed`` that its turn
    came, so that something may be stored of it. ``facts`` say where a fetched recording is from.
    """

    def __init__(self, engine, path, turns, fetch=None):
        self.path, self.ahead, self.fetched = path, 0, None
        self.observations, self.problem, self.stored = None, "", False
        self.observed, self.facts = False, {}
        self._engine, self._turns, self._fetch = engine, turns, fetch
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
                self.path, self.facts = self._fetch(self._arrived)
                self._news.set()
            ticket = self._turns.join()
            try:
                self._wait_for_turn(ticket)
                self._observe()
            finally:
                self._turns.leave(ticket)
        except EmorecError as error:
            self.problem = str(error)
        except _Stopped:
            pass
        except Exception as error:
            log.failed("The analysis failed", error)
            self.problem = UNEXPECTED
        finally:
            self._news.set()

    def _arrived(self, share):
        """Take note of the share (0 to 1, or None) of a link that has arrived."""
        if self._stop.is_set():
            raise _Stopped
        self.fetched = share
        self._news.set()

    def _wait_for_turn(self, ticket):
        while ahead := self._turns.ahead(ticket):
            if ahead != self.ahead:
                self.ahead = ahead
                self._news.set()
            if self._stop.wait(POLL):
                raise _Stopped
        self.ahead = 0

    def _observe(self):
        self.observed = True
        with contextlib.closing(self._engine.observe(self.path)) as growing:
            for observations in growing:
                self.stored = self.observations is None and observations.complete
                self.observations = observations
                self._news.set()
                if self._stop.is_set():
                    return
