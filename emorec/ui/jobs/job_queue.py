"""One analysis at a time, in fair turns: who has had the least of the machine, and needs the least, comes first.

A long recording gives its turn away after a while if somebody waits who has had less, and takes another turn later. So
a short recording does not wait until a long one is through. Whoever waits can ask how many are before them.
"""

import threading
import time
from dataclasses import dataclass

from emorec.errors import EmorecError
from emorec.ui.server.limits import ANALYSES, Limits, Visitor

MOST = ANALYSES.places
BUSY = "Too many analyses are waiting here already; try again in a few minutes."
TOO_MANY = "You have as many analyses waiting here as one visitor may have; wait until one of them is done."
TOO_MANY_FROM_THERE = "As many analyses are waiting from your address as are allowed; try again in a few minutes."

SHORTEST_TURN = 0.5  # seconds of work after which a turn may go to a visitor who has had none
LONGEST_TURN = 60.0  # seconds of work after which a turn goes to whoever waits
WAITING_COUNTS = 0.1  # seconds of work that are forgiven for a second of waiting, so that nobody waits for ever


class Ticket:
    """A place in the line; ``visitor`` None is somebody unknown, who has no other place.

    ``expected`` is the work (s) that the recording may take, so that two seconds of sound come before an hour of video.
    """

    def __init__(self, number: int, visitor: Visitor | None, expected: float = 0.0):
        self.number, self.visitor, self.expected = number, visitor, min(expected, LONGEST_TURN)
        self.payer = visitor.payer if visitor else f"ticket {number}"


@dataclass
class Account:
    """Of a payer who is in the line: seconds of work had, and since when (s) they wait, or work."""

    since: float
    work: float = 0.0


class Turns:
    """A line of tickets, one of which has its turn."""

    def __init__(self, limits: Limits = ANALYSES, clock=time.monotonic):
        self._limits, self._clock = limits, clock
        self._line: list[Ticket] = []
        self._turn: Ticket | None = None
        self._accounts: dict[str, Account] = {}  # of every payer who is in the line
        self._count = 0
        self._lock = threading.RLock()

    def check(self, visitor: Visitor | None = None) -> None:
        """Raise EmorecError if there is no place for a visitor."""
        with self._lock:
            if len(self._line) >= self._limits.places:
                raise EmorecError(BUSY)
            if visitor is None:
                return
            others = [ticket.visitor for ticket in self._line if ticket.visitor]
            if sum(other.session == visitor.session for other in others) >= self._limits.of_session:
                raise EmorecError(TOO_MANY)
            shared = visitor.shared_address
            most = self._limits.of_shared_address if shared else self._limits.of_address
            if sum(other.address == visitor.address for other in others) >= most:
                raise EmorecError(TOO_MANY_FROM_THERE)

    def join(self, visitor: Visitor | None = None, admitted: bool = False, expected: float = 0.0) -> Ticket:
        """A place in the line for a run that takes about ``expected`` seconds; ``admitted`` visitors, who waited
        elsewhere, always get one. Raises EmorecError."""
        with self._lock:
            if not admitted:
                self.check(visitor)
            self._count += 1
            ticket = Ticket(self._count, visitor, expected)
            self._line.append(ticket)
            self._accounts.setdefault(ticket.payer, Account(self._clock()))
            self._call_next()
            return ticket

    def ahead(self, ticket: Ticket) -> int:
        """How many come before this ticket: 0 when it has its turn."""
        with self._lock:
            if ticket is self._turn:
                return 0
            waiting = sorted((other for other in self._line if other is not self._turn), key=self._claim)
            return waiting.index(ticket) + (self._turn is not None)

    def pause(self, ticket: Ticket) -> bool:
        """Give the turn away if somebody waits who has had enough less of it; tell whether that was so."""
        with self._lock:
            self._account(ticket)
            others = [other for other in self._line if other.payer != ticket.payer]
            if not others:
                return False
            first = min(others, key=self._claim)
            had = self._claim(first)[0] - first.expected
            lead = self._accounts[ticket.payer].work + ticket.expected - self._claim(first)[0]
            if lead < min(max(had, SHORTEST_TURN), LONGEST_TURN):
                return False
            self._turn = None
            self._call_next()
            return True

    def leave(self, ticket: Ticket) -> None:
        """Give the turn, or the place, back."""
        with self._lock:
            if ticket is self._turn:
                self._account(ticket)
                self._turn = None
            self._line.remove(ticket)
            if all(other.payer != ticket.payer for other in self._line):
                del self._accounts[ticket.payer]
            self._call_next()

    def _call_next(self) -> None:
        if self._turn is None and self._line:
            self._turn = min(self._line, key=self._claim)
            self._accounts[self._turn.payer].since = self._clock()

    def _claim(self, ticket: Ticket) -> tuple[float, int]:
        """Smaller for whoever comes earlier."""
        account = self._accounts[ticket.payer]
        waited = self._clock() - account.since
        return account.work + ticket.expected - WAITING_COUNTS * waited, ticket.number

    def _account(self, ticket: Ticket) -> None:
        account, now = self._accounts[ticket.payer], self._clock()
        account.work += now - account.since
        account.since = now

    def __len__(self):
        return len(self._line)
