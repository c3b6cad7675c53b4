"""What a recording may cost here: limits that the deployer sets in the environment, and the sentences about them."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass

from emorec.errors import EmorecError

DEFAULT_MINUTES = 240.0
DEFAULT_MB = 2048.0
DEFAULT_TIME_MINUTES = 30.0


@dataclass(frozen=True)
class Limits:
    """What a link may cost: minutes and megabytes of media, and minutes until it must be here."""

    minutes: float = DEFAULT_MINUTES
    megabytes: float = DEFAULT_MB
    time_minutes: float = DEFAULT_TIME_MINUTES

    @classmethod
    def from_environment(cls) -> Limits:
        """EMOREC_MAX_MINUTES, EMOREC_MAX_MB, EMOREC_LINK_MINUTES. Raises EmorecError if one is no positive number."""
        names = {"minutes": "EMOREC_MAX_MINUTES", "megabytes": "EMOREC_MAX_MB", "time_minutes": "EMOREC_LINK_MINUTES"}
        return cls(**{field: _number(name) for field, name in names.items() if os.environ.get(name)})

    @property
    def seconds(self) -> float:
        """Of media."""
        return self.minutes * 60

    @property
    def bytes(self) -> int:
        """Of media."""
        return int(self.megabytes * 1e6)


def too_long(seconds: float) -> str:
    """The sentence about what is longer than so many seconds."""
    return f"What this link leads to is longer than {seconds / 60:g} minutes, the limit here; give a shorter one."


def too_large(size: float) -> str:
    """The sentence about what is larger than so many bytes."""
    return f"What this link leads to is larger than {size / 1e6:g} MB, the limit here; give a smaller one."


def _number(name: str) -> float:
    text = os.environ[name]
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise EmorecError(f"{name} is {text!r}, which is no positive number; set it to one, or to nothing.")
