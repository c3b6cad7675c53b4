"""A queue in which one job runs at a time: the one with the least computing time, used and expected.

A job of a long recording pauses if somebody waits who has used less time, and continues later. So a short recording
does not have to wait until a long one is finished.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from emorec.errors import EmorecError
from emorec.ui.server.limits import ANALYSES, QueueLimits, Visitor

BUSY = "Too many analyses are waiting here already; try again in a few minutes."
TOO_MANY = "Too many of your analyses are waiting here; wait until one of them is done."
TOO_MANY_FROM_THERE = "Too many analyses from your address are waiting here; try again in a few minutes."

SHORTEST_TURN = 0.5  # seconds of work before a job may pause for a visitor who has used no time
LONGEST_TURN = 60.0  # seconds of work before a job pauses for any other visitor
WAITING_CREDIT = 0.1  # seconds of work that count less for each second of waiting, so that no job waits for ever


class Ticket:
    """A place in the queue. ``visitor`` None is an unknown visitor, whose account has this ticket only.

    ``expected`` is the work (s) that the job may take, so that two seconds of sound come before an hour of video.
    """

    def __init__(self, number: int, visitor: Visitor | None, expected: float = 0.0):
        self.number, self.visitor, self.expected = number, visitor, min(expected, LONGEST_TURN)
        self.account = visitor.account if visitor else f"ticket {number}"


@dataclass
class Usage:
    """The use of an account in the queue: seconds of ``work``, and ``since`` when (s) it works or waits."""

    since: float
    work: float = 0.0


class JobQueue:
    """The tickets of all jobs, of which one is active."""

    def __init__(self, limits: QueueLimits = ANALYSES, clock: Callable[[], float] = time.monotonic):
        self._limits, self._clock = limits, clock
        self._tickets: list[Ticket] = []
        self._active: Ticket | None = None
        self._usage: dict[str, Usage] = {}  # of every account with a ticket
        self._count = 0
        self._lock = threading.RLock()

    def check_capacity(self, visitor: Visitor | None = None) -> None:
        """Raise EmorecError if there is no place for a job of this visitor."""
        with self._lock:
            if len(self._tickets) >= self._limits.total:
                raise EmorecError(BUSY)
            if visitor is None:
                return
            others = [ticket.visitor for ticket in self._tickets if ticket.visitor]
            if sum(other.session == visitor.session for other in others) >= self._limits.per_session:
                raise EmorecError(TOO_MANY)
            limit = self._limits.per_shared_address if visitor.shared_address else self._limits.per_address
            if sum(other.address == visitor.address for other in others) >= limit:
                raise EmorecError(TOO_MANY_FROM_THERE)

    def join(self, visitor: Visitor | None = None, admitted: bool = False, expected: float = 0.0) -> Ticket:
        """Take a place in the queue for a job of about ``expected`` seconds of work.

        ``admitted`` jobs, which waited in another queue, always get one. Raises EmorecError.
        """
        with self._lock:
            if not admitted:
                self.check_capacity(visitor)
            self._count += 1
            ticket = Ticket(self._count, visitor, expected)
            self._tickets.append(ticket)
            self._usage.setdefault(ticket.account, Usage(self._clock()))
            self._activate_next()
            return ticket

    def jobs_ahead(self, ticket: Ticket) -> int:
        """How many jobs come before this ticket; 0 if it is active."""
        with self._lock:
            if ticket is self._active:
                return 0
            waiting = sorted((other for other in self._tickets if other is not self._active), key=self._priority)
            return waiting.index(ticket) + (self._active is not None)

    def pause(self, ticket: Ticket) -> bool:
        """Let another job become active if its visitor has used clearly less time; returns whether one did."""
        with self._lock:
            self._charge(ticket)
            others = [other for other in self._tickets if other.account != ticket.account]
            if not others:
                return False
            first = min(others, key=self._priority)
            claim = self._priority(first)[0]
            lead = self._usage[ticket.account].work + ticket.expected - claim
            if lead < min(max(claim - first.expected, SHORTEST_TURN), LONGEST_TURN):
                return False
            self._active = None
            self._activate_next()
            return True

    def leave(self, ticket: Ticket) -> None:
        """Give the place up, active or not."""
        with self._lock:
            if ticket is self._active:
                self._charge(ticket)
                self._active = None
            self._tickets.remove(ticket)
            if all(other.account != ticket.account for other in self._tickets):
                del self._usage[ticket.account]
            self._activate_next()

    def _activate_next(self) -> None:
        if self._active is None and self._tickets:
            self._active = min(self._tickets, key=self._priority)
            self._usage[self._active.account].since = self._clock()

    def _priority(self, ticket: Ticket) -> tuple[float, int]:
        """The smallest value comes first."""
        usage = self._usage[ticket.account]
        waited = self._clock() - usage.since
        return usage.work + ticket.expected - WAITING_CREDIT * waited, ticket.number

    def _charge(self, ticket: Ticket) -> None:
        """Add the time since the account's last change to its work."""
        usage, now = self._usage[ticket.account], self._clock()
        usage.work += now - usage.since
        usage.since = now

    def __len__(self) -> int:
        return len(self._tickets)
