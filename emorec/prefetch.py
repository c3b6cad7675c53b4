"""Threads: a generator that runs ahead of its consumer, and how many threads there should be."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Generic, TypeVar

CHECK_SECONDS = 0.2  # between two checks whether the consumer of a full queue has stopped

Item = TypeVar("Item")


class Prefetcher(Generic[Item]):
    """Iterates over a generator that runs in a thread, at most ``size`` items ahead of the consumer.

    What the generator raises is raised in the consumer. Closing, explicitly or as a context, stops and joins the
    thread, and the generator is closed in that thread, so that its own contexts end there too.
    """

    def __init__(self, items: Generator[Item] | Iterator[Item], size: int = 2):
        self._items = items
        self._queue: queue.Queue = queue.Queue(maxsize=size)
        self._stop = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __enter__(self) -> Prefetcher[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Prefetcher[Item]:
        return self

    def __next__(self) -> Item:
        if self._over:
            raise StopIteration
        item, error = self._queue.get()
        if error is not None:
            self._over = True
            raise error
        return item

    def close(self) -> None:
        """Stop the thread and wait for its end."""
        self._over = True
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            for item in self._items:
                self._put((item, None))
                if self._stop.is_set():
                    break
            error: BaseException = StopIteration()
        except BaseException as raised:
            error = raised
        finally:
            self._items.close()  # type: ignore[union-attr]
        self._put((None, error))

    def _put(self, entry: tuple) -> None:
        while not self._stop.is_set():
            try:
                return self._queue.put(entry, timeout=CHECK_SECONDS)
            except queue.Full:
                continue


class OneThread:
    """Limits a library's thread pool to one thread while it is held by at least one caller.

    ``get`` and ``put`` read and set the number of threads, which is that of the whole process.
    """

    def __init__(self, get: Callable[[], int], put: Callable[[int], object]):
        self._get, self._put = get, put
        self._lock = threading.Lock()
        self._users, self._before = 0, 1

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A context in which the pool has one thread; afterwards it has as many as before."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = self._get()
                self._put(1)
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    self._put(self._before)


def processors(cgroup: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """How many processors this process may use: those of its affinity, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = cgroup.read_text(encoding="utf-8").split()
        return min(bound, max(1, math.ceil(int(quota) / int(period))))  # the quota "max" raises ValueError: no limit
    return bound
