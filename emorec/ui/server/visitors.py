"""Which visitor owns which session: the first one who uses the name of a session.

Gradio's session names are chosen by the browser, and anybody who knows one could end that session. A visitor is
identified by a secret in a cookie, or by the address if there is no cookie.
"""

import contextlib
import ipaddress
import re
import secrets
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping

from starlette.types import Scope

COOKIE = "emorec-visitor"
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_SESSIONS = 100_000  # whose owner is remembered
MAX_PER_VISITOR = 1_000
KEEP = 24 * 3600.0  # seconds after its last use that the owner of a session is remembered


def new_secret() -> str:
    """A secret for a visitor's cookie."""
    return secrets.token_urlsafe(32)


def visitor_id(cookies: Mapping[str, str], address: str) -> str:
    """The identity of the visitor who sent a request."""
    given = cookies.get(COOKIE, "")
    return f"secret {given}" if SECRET.fullmatch(given) else f"address {address}"


def client_address(scope: Scope, headers: Mapping[str, str], behind_proxy: bool) -> str:
    """The address that a request comes from; behind a trusted proxy, the last public address that was forwarded."""
    address = (scope.get("client") or ("",))[0]
    if behind_proxy:
        for name in reversed(headers.get("x-forwarded-for", "").split(",")):
            with contextlib.suppress(ValueError):
                if (parsed := ipaddress.ip_address(name.strip())).is_global:
                    return str(parsed)
    return address


class SessionOwners:
    """The owner of each session. The owner of a session with an open heartbeat is never forgotten."""

    def __init__(
        self,
        max_sessions: int = MAX_SESSIONS,
        max_per_visitor: int = MAX_PER_VISITOR,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._max_sessions, self._max_per_visitor, self._clock = max_sessions, max_per_visitor, clock
        self._owners: OrderedDict[str, tuple[str, float]] = OrderedDict()  # least recently used first
        self._sessions: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)  # of each visitor
        self._heartbeats: defaultdict[str, int] = defaultdict(int)

    def claim(self, session: str, visitor: str) -> bool:
        """Whether this visitor owns the session; a session without an owner is given to the visitor."""
        self._forget_old()
        owner, _ = self._owners.get(session, (visitor, 0.0))
        if owner != visitor:
            return False
        if session not in self._owners and not self._make_space(visitor):
            return False
        self._owners[session] = (visitor, self._clock())
        self._owners.move_to_end(session)
        self._sessions[visitor][session] = None
        self._sessions[visitor].move_to_end(session)
        return True

    def heartbeat_opened(self, session: str) -> None:
        """A heartbeat connection of a session was opened."""
        self._heartbeats[session] += 1

    def heartbeat_closed(self, session: str) -> None:
        """A heartbeat connection of a session was closed."""
        self._heartbeats[session] -= 1
        if self._heartbeats[session] <= 0:
            del self._heartbeats[session]

    def _make_space(self, visitor: str) -> bool:
        own = self._sessions[visitor]
        if len(own) >= self._max_per_visitor and not self._forget_idle(own):
            return False
        return len(self._owners) < self._max_sessions or self._forget_idle(self._owners)

    def _forget_idle(self, sessions: Iterable[str]) -> bool:
        idle = next((session for session in sessions if session not in self._heartbeats), None)
        if idle is not None:
            self._forget(idle)
        return idle is not None

    def _forget_old(self) -> None:
        while self._owners:
            session, (_, last_used) = next(iter(self._owners.items()))
            if self._clock() - last_used < KEEP:
                return
            if session in self._heartbeats:  # still in use
                self._owners[session] = (self._owners[session][0], self._clock())
                self._owners.move_to_end(session)
            else:
                self._forget(session)

    def _forget(self, session: str) -> None:
        visitor, _ = self._owners.pop(session)
        self._sessions[visitor].pop(session, None)
        if not self._sessions[visitor]:
            del self._sessions[visitor]
