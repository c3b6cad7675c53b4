"""How many requests of one session may wait for a job at the same time.

Each of them holds one of Gradio's threads as long as the job runs. Without a limit, one visitor could take all threads
with one long recording, and the page would answer nobody else.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

MOST = 2  # a page sends one; a second one comes from a double click


class Waiting:
    """Counts the requests of each session that wait."""

    def __init__(self, most: int = MOST):
        self._most = most
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, session: str) -> Iterator[bool]:
        """Within this context, one more request of a session waits; the value says whether it may."""
        with self._lock:
            may = self._counts[session] < self._most
            self._counts[session] += may
        try:
            yield may
        finally:
            with self._lock:
                self._counts[session] -= may
                self._counts += Counter()  # removes counts of 0
