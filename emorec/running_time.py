"""How long a wait has taken, without the time in which this process was stopped or the computer slept.

After a pause of the whole program (a sleeping computer, a paused container, a stopped job of a shell), the answer of a
child or a client may be a moment away, although a deadline on the system's clock is over. Such a pause makes a large
gap between two looks at the clock, so of every gap only a part counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK = 1.0  # seconds; who waits looks at the clock at least so often


class RunningTime:
    """Seconds that a wait has taken so far; of the time between two calls of ``passed`` at most ``most`` seconds count.

    ``clock`` gives seconds. Several threads may use it.
    """

    def __init__(self, most: float = 2 * LOOK, clock: Callable[[], float] = time.monotonic):
        self._most, self._clock = most, clock
        self._before, self._passed = clock(), 0.0
        self._lock = threading.Lock()

    def passed(self) -> float:
        """The seconds until now that count."""
        with self._lock:
            now = self._clock()
            self._passed += min(now - self._before, self._most)
            self._before = now
            return self._passed
