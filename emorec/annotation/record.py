"""One annotation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Annotation:
    """A ``text`` for the time from ``start`` to ``end`` (s), which are equal for a point in time.

    ``tier`` is the name of its tier, "" if the format has none; ``person`` is whom it is about, "" if it does not say.
    """

    start: float
    end: float
    text: str
    tier: str = ""
    person: str = ""
