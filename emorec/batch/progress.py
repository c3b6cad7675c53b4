"""How far a batch is: counts, speed, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from emorec.batch.engine import DONE, Outcome


@dataclass(kw_only=True)
class Progress:
    """The state of a running batch.

    ``total`` is the number of items of the inputs; ``done`` and ``failed`` of them have ended, in this run or in an
    earlier one; ``analyzed`` counts the items of this run. ``media`` (s) is the duration of what this run analyzed.
    ``sizes`` (bytes, by item) are those of the items of this run, as far as they are known.
    """

    total: int
    done: int
    failed: int
    sizes: Mapping[str, int | None]
    media: float = 0.0
    analyzed: int = 0
    last: Outcome | None = None
    _begin: float = field(default_factory=lambda: time.monotonic(), repr=False)
    _weight: float = 0.0

    def __post_init__(self) -> None:
        # Computed once: a batch may have a million items, and each line about the progress needs both numbers.
        known = [size for size in self.sizes.values() if size is not None]
        self._mean = sum(known) / len(known) if known else 1.0
        self._whole = sum(map(self._size, self.sizes))

    def add(self, outcome: Outcome) -> None:
        """Count an outcome of this run."""
        self.last = outcome
        self.analyzed += 1
        self.done += outcome.status == DONE
        self.failed += outcome.status != DONE
        self.media += outcome.duration or 0.0
        if outcome.item in self.sizes:  # one without a usable source is not
            self._weight += self._size(outcome.item)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begin

    @property
    def speed(self) -> float:
        """Hours of media in an hour."""
        return self.media / max(self.elapsed, 1e-9)

    @property
    def left(self) -> float | None:
        """Seconds that are left, if the rest goes as the first part did; None before the first item has ended."""
        if not self._weight:
            return None
        return self.elapsed * max(0.0, self._whole / self._weight - 1)

    def __str__(self) -> str:
        """As in "12 done, 1 failed of 60, 3.4 h of media an hour, 0:12:05 left"."""
        words = f"{self.done} done, {self.failed} failed of {self.total}"
        if self.media:
            words += f", {self.speed:.1f} h of media an hour"
        if (left := self.left) is not None and self.done + self.failed < self.total:
            words += f", {clock(left)} left"
        return words

    def _size(self, item: str) -> float:
        """The size of an item, or the mean of those that are known."""
        size = self.sizes.get(item)
        return self._mean if size is None else float(size)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss, as in 0:12:05."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
