"""Whether anybody still waits for an answer: a run whose client has gone ends.

Gradio sends answers over a stream that the client opens, one for a session or one for an event. While such a stream is
open somebody waits.
"""

import contextlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator

GONE_AFTER = 5.0  # seconds without a stream after there was one
NEVER_CAME_AFTER = 60.0  # seconds in which a client has to open its stream
REMEMBERED = 10_000  # streams that were closed


class Presence:
    """Counts the open streams by the session or the event that they are for."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._closed: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def watching(self, name: str) -> Iterator[None]:
        """Meanwhile a stream for the session or event ``name`` is open."""
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
                if len(self._closed) > REMEMBERED:
                    self._closed.popitem(last=False)

    def gone(self, names: tuple[str, ...], since: float) -> bool:
        """Whether nobody waits any more for what was begun at ``since`` (s, of the clock) under one of ``names``."""
        with self._lock:
            if any(name in self._open for name in names):
                return False
            closed = max((self._closed.get(name, 0.0) for name in names), default=0.0)
        now = self._clock()
        return now - closed > GONE_AFTER if closed > since else now - since > NEVER_CAME_AFTER
