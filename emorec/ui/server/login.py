"""Passwords: compared in constant time; after five wrong ones an address has to wait for a minute."""

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from emorec.ui.server.limits import network

MAX_WRONG = 5  # passwords before the pause
PAUSE = 60.0  # seconds
MAX_ADDRESSES = 100_000  # remembered
WAIT = "Too many wrong passwords came from your address; try again in a minute."


def password_checker(user: str, password: str) -> Callable[[str, str], bool]:
    """A function that compares a given user and password with these, in constant time."""
    expected = _digest(user), _digest(password)

    def check(given_user: str, given_password: str) -> bool:
        # Both are always compared: the time must not show which one is wrong.
        same_user = hmac.compare_digest(_digest(given_user), expected[0])
        return hmac.compare_digest(_digest(given_password), expected[1]) and same_user

    return check


class LoginAttempts:
    """Counts failed logins for each address; all addresses of one IPv6 /64 network count as the same address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._attempts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # number, and time (s) of the last one

    def begin(self, address: str) -> int:
        """Count an attempt as failed until ``succeeded`` is called. Returns 0 if the address may try, else the seconds
        that it has to wait.

        Attempts in progress count as failed, so that many attempts at once cannot exceed the limit.
        """
        address, now = network(address), self._clock()
        count, last = self._attempts.get(address, (0, now))
        if now - last >= PAUSE:
            count = 0
        if count >= MAX_WRONG:
            return max(1, math.ceil(last + PAUSE - now))
        self._attempts[address] = (count + 1, now)
        self._attempts.move_to_end(address)
        if len(self._attempts) > MAX_ADDRESSES:
            self._attempts.popitem(last=False)
        return 0

    def succeeded(self, address: str) -> None:
        """The password was right: forget the failed attempts of this address."""
        self._attempts.pop(network(address), None)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
