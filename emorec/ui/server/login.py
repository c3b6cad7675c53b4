"""Passwords: compared in constant time, and not guessed by trying: five wrong ones, then a minute's pause."""

import hashlib
import hmac
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from emorec.ui.server.limits import network

MOST_WRONG = 5
PAUSE = 60.0  # seconds
MOST_ADDRESSES = 100_000  # remembered
WAIT = "Too many wrong passwords came from your address; try again in a minute."


def checker(user: str, password: str) -> Callable[[str, str], bool]:
    """A function that tells, in constant time, whether user and password are these."""
    expected = _digest(user), _digest(password)

    def right(given_user: str, given_password: str) -> bool:
        # Both are always compared.
        alike = hmac.compare_digest(_digest(given_user), expected[0])
        return hmac.compare_digest(_digest(given_password), expected[1]) and alike

    return right


class Attempts:
    """Counts the attempts to log in, by address; an IPv6 network of 64 bits counts as one address."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._of: OrderedDict[str, tuple[int, float]] = OrderedDict()  # attempts, time of the last one

    def wait(self, address: str) -> int:
        """Seconds before this address may try again, 0 if now; then the attempt counts until ``succeeded``.

        Attempts that still go on count as wrong ones, so that many at once are no way around the limit.
        """
        address, now = network(address), self._clock()
        count, last = self._of.get(address, (0, now))
        if now - last >= PAUSE:
            count = 0
        if count >= MOST_WRONG:
            return max(1, math.ceil(last + PAUSE - now))
        self._of[address] = (count + 1, now)
        self._of.move_to_end(address)
        if len(self._of) > MOST_ADDRESSES:
            self._of.popitem(last=False)
        return 0

    def succeeded(self, address: str) -> None:
        """The password was right, so this address starts from nothing again."""
        self._of.pop(network(address), None)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
