"""Whether a client still waits for its answer: the job of a client that has left is stopped.

Gradio sends answers over a stream that the client opens, one for each session or one for each event. A client with an
open stream is present.
"""

import contextlib
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

GONE_AFTER = 5.0  # seconds without a stream after one was closed
NEVER_CAME_AFTER = 60.0  # seconds in which a client has to open its first stream
MAX_REMEMBERED = 10_000  # closed streams


class Presence:
    """Counts the open streams of each session or event."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._closed: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def now(self) -> float:
        """The time (s) on the clock by which streams are counted."""
        return self._clock()

    @contextlib.contextmanager
    def connected(self, name: str) -> Iterator[None]:
        """Within this context, a stream of the session or event ``name`` is open."""
        with self._lock:
            self._open[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[name] -= 1
                if self._open[name] <= 0:
                    del self._open[name]
                self._closed[name] = self._clock()
                self._closed.move_to_end(name)
                if len(self._closed) > MAX_REMEMBERED:
                    self._closed.popitem(last=False)

    def is_open(self, name: str) -> bool:
        """Whether a session or event has an open stream."""
        with self._lock:
            return name in self._open

    def is_silent(self, name: str, seconds: float) -> bool:
        """Whether a session has had no stream for so long."""
        with self._lock:
            return name not in self._open and self._clock() - self._closed.get(name, -math.inf) > seconds

    def is_gone(self, names: tuple[str, ...], since: float) -> bool:
        """Whether no client waits for a job any more that began at ``since`` (s, on the clock) under one of ``names``.

        ``names`` are the job's session and event.
        """
        with self._lock:
            if any(name in self._open for name in names):
                return False
            closed = max((self._closed.get(name, 0.0) for name in names), default=0.0)
        now = self._clock()
        return now - closed > GONE_AFTER if closed > since else now - since > NEVER_CAME_AFTER
