"""How many requests of one kind may wait for the jobs of one session at the same time.

Each of them holds one of Gradio's threads as long as the job runs. Without a limit, one visitor could take all threads
with one long recording, and the page would answer nobody else.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator

MOST = 3  # a page sends one, but those of two analyses that were just cancelled may not have ended yet


class Waiting:
    """Counts the requests of one kind that wait, by session."""

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
