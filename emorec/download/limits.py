"""The sentences about recordings that exceed what a link may cost here; the limits are in ``settings``."""

from __future__ import annotations

NO_SPACE = "There is no space left for the download; free some and try again."  # the parent knows a full disk by it


def too_long(seconds: float) -> str:
    """The sentence about a recording longer than ``seconds``."""
    return f"What this link leads to is longer than {seconds / 60:g} minutes, the limit here; give a shorter one."


def too_large(size: float) -> str:
    """The sentence about a recording larger than ``size`` bytes."""
    return f"What this link leads to is larger than {size / 1e6:g} MB, the limit here; give a smaller one."
