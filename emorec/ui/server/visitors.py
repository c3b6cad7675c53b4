"""Whose session is whose: the first visitor to use the name of a session owns it.

Gradio's sessions have names that the browser invents, and whoever knows one may end it. A visitor is known by a secret
in a cookie, or, if there is none, by the address.
"""

import re
import secrets
import time
from collections import OrderedDict, defaultdict
from collections.abc import Mapping

COOKIE = "emorec-visitor"
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST = 100_000  # sessions whose owner is remembered
MOST_EACH = 1_000  # of one visitor
KEPT = 24 * 3600.0  # seconds after its last use that a session still has its owner


def new_secret() -> str:
    """A secret for a visitor's cookie."""
    return secrets.token_urlsafe(32)


def visitor_of(cookies: Mapping[str, str], address: str) -> str:
    """What a visitor is known by."""
    given = cookies.get(COOKIE, "")
    return f"secret {given}" if SECRET.fullmatch(given) else f"address {address}"


class Owners:
    """The owner of every session. Sessions with an open heartbeat are never forgotten."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH, clock=time.monotonic):
        self._most, self._most_each, self._clock = most, most_each, clock
        self._owner: OrderedDict[str, tuple[str, float]] = OrderedDict()  # the least lately used first
        self._of: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)
        self._alive: defaultdict[str, int] = defaultdict(int)

    def claim(self, session: str, visitor: str) -> bool:
        """Whether a session is this visitor's; one that nobody uses yet becomes so."""
        self._forget_old()
        owner, _ = self._owner.get(session, (visitor, 0.0))
        if owner != visitor:
            return False
        if session not in self._owner and not self._has_room(visitor):
            return False
        self._owner[session] = (visitor, self._clock())
        self._owner.move_to_end(session)
        self._of[visitor][session] = None
        self._of[visitor].move_to_end(session)
        return True

    def opened(self, session: str) -> None:
        """A heartbeat of a session has begun."""
        self._alive[session] += 1

    def closed(self, session: str) -> None:
        """A heartbeat of a session has ended."""
        self._alive[session] -= 1
        if self._alive[session] <= 0:
            del self._alive[session]

    def _has_room(self, visitor: str) -> bool:
        if len(self._of[visitor]) >= self._most_each and not self._forget_one(self._of[visitor]):
            return False
        return len(self._owner) < self._most or self._forget_one(self._owner)

    def _forget_one(self, sessions) -> bool:
        idle = next((session for session in sessions if session not in self._alive), None)
        if idle is not None:
            self._forget(idle)
        return idle is not None

    def _forget_old(self) -> None:
        while self._owner:
            session, (_, used) = next(iter(self._owner.items()))
            if self._clock() - used < KEPT:
                return
            if session in self._alive:  # in use all the time
                self._owner[session] = (self._owner[session][0], self._clock())
                self._owner.move_to_end(session)
            else:
                self._forget(session)

    def _forget(self, session: str) -> None:
        visitor, _ = self._owner.pop(session)
        self._of[visitor].pop(session, None)
        if not self._of[visitor]:
            del self._of[visitor]
