"""One analysis at a time, first come, first served; whoever waits can ask how many are before them."""

import threading

MOST = 20  # analyses in the line, the one under way among them; each may take a thread of Gradio's 40
BUSY = "Too many analyses are waiting here already; try again in a few minutes."


class Turns:
    """A line of tickets, the first of which has its turn."""

    def __init__(self):
        self._line = []
        self._lock = threading.Lock()

    def join(self):
        """A ticket at the end of the line."""
        ticket = object()
        with self._lock:
            self._line.append(ticket)
        return ticket

    def ahead(self, ticket):
        """How many come before this ticket: 0 when it has its turn."""
        with self._lock:
            return self._line.index(ticket)

    def leave(self, ticket):
        """Give the turn, or the place, back."""
        with self._lock:
            self._line.remove(ticket)

    @property
    def full(self):
        """Whether whoever comes now had better come back later."""
        return len(self) >= MOST

    def __len__(self):
        return len(self._line)
