"""Work in threads: a generator that runs ahead of whoever needs it, and how many threads there should be."""

import contextlib
import math
import os
import queue
import threading
from pathlib import Path

CHECK_SECONDS = 0.2  # how long a full queue is waited for before looking whether anyone still wants what is in it


class Prefetcher:
    """Iterates over a generator that a thread runs, at most ``size`` items ahead of what was taken.

    What the generator raises is raised where its items are taken. Closing, by hand or as a context, stops and joins
    the thread, and the generator is closed in it, so that its own contexts end there too.
    """

    def __init__(self, items, size=2):
        self._items = items
        self._queue = queue.Queue(maxsize=size)
        self._stop = threading.Event()
        self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        if self._over:
            raise StopIteration
        item, error = self._queue.get()
        if error is not None:
            self._over = True
            raise error
        return item

    def close(self):
        """Stop the thread and wait for its end."""
        self._over = True
        self._stop.set()
        self._thread.join()

    def _work(self):
        try:
            for item in self._items:
                self._put((item, None))
                if self._stop.is_set():
                    break
            error = StopIteration()
        except BaseException as raised:
            error = raised
        finally:
            self._items.close()
        self._put((None, error))

    def _put(self, entry):
        while not self._stop.is_set():
            try:
                return self._queue.put(entry, timeout=CHECK_SECONDS)
            except queue.Full:
                continue


class OneThread:
    """A library's own pool of threads, held to one thread while anybody wants that; then it has as many as before.

    ``get`` and ``put`` read and set the number of threads of the whole process.
    """

    def __init__(self, get, put):
        self._get, self._put = get, put
        self._lock = threading.Lock()
        self._users, self._before = 0, 1

    @contextlib.contextmanager
    def held(self):
        """Within, there is one thread."""
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


def processors(cgroup=Path("/sys/fs/cgroup/cpu.max")):
    """How many processors this process may use: those it is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = cgroup.read_text().split()
        return min(bound, max(1, math.ceil(int(quota) / int(period))))  # "max" is no number
    return bound
