"""Stretches of a recording in which nothing was recorded: the computer slept meanwhile, and the clock went on."""

from __future__ import annotations

from emorec.media.clock import FORWARD, LONGEST_PACKET
from emorec.media.integrity import JUMP

NEAR = 2 * JUMP  # seconds by which the last picture before a hole may lie after the last sound


class Holes:
    """Finds where both sound and pictures pause for more than ``FORWARD`` seconds.

    A picture that stands still beside steady sound is no hole, nor is one without any sound.
    """

    def __init__(self) -> None:
        self._begins: list[float] = []  # seconds, in the order in which they were found
        self._last: dict[int, float] = {}
        self._sound_until = float("-inf")

    def add(self, stream: int, is_sound: bool, shown: float, decoded: float | None, length: float) -> None:
        """Note a packet of the ``stream`` of that number: when what it holds is shown, when it is to be decoded, and
        for how long it lasts (all s)."""
        now = max(self._last.values(), default=shown)
        # A picture that others lean on comes long before it is shown.
        if decoded is not None and decoded > now + FORWARD and self._sound_until > now - JUMP:
            self._begins.append(self._sound_until)
        self._last[stream] = shown if decoded is None else decoded
        if is_sound:
            self._sound_until = shown + (length if length <= LONGEST_PACKET else 0.0)

    def between(self, one: float, other: float) -> float | None:
        """Where the hole between two pictures that follow each other begins, None if there is none (all s)."""
        found = (begin for begin in self._begins if one - NEAR <= begin < other - FORWARD + NEAR)
        return max(found, default=None) if other > one + FORWARD - NEAR else None
