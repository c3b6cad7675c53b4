"""How long a wait has taken, without the time in which this process was stopped or the computer slept.

After a pause of the whole program (a sleeping computer, a paused container, a stopped job of a shell), the answer of a
child or a client may be a moment away, although a deadline on the system's clock is over. Such a pause makes a large
gap between two looks at the clock, so of every gap only a part counts.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")

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


def in_time(items: Iterable[Item], seconds: float) -> Generator[Item, None, None]:
    """Yield ``items``, which are taken in another thread. Raises what they raise.

    Raises TimeoutError once they have taken so many seconds, see RunningTime, even if the next item never comes: its
    thread is left behind, and ends after that item. Close the iterator if not all items are wanted.
    """
    waited, given_up = RunningTime(), threading.Event()
    arrived: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=1)

    def take() -> None:
        try:
            for item in items:
                arrived.put(("item", item))
                if given_up.is_set():
                    return
            arrived.put(("end", None))
        except Exception as error:
            arrived.put(("error", error))

    threading.Thread(target=take, daemon=True).start()
    value: Any
    try:
        while True:
            try:
                kind, value = arrived.get(timeout=LOOK)
            except queue.Empty:
                kind, value = "none yet", None
            if kind == "end":
                return
            if kind == "error":
                raise value
            if waited.passed() > seconds:
                raise TimeoutError
            if kind == "item":
                yield value
    finally:
        given_up.set()
        with contextlib.suppress(queue.Empty):
            arrived.get_nowait()  # the thread may wait for a place
