"""One annotation, and one marker."""

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


@dataclass(frozen=True)
class Marker:
    """A point in ``time`` (s) that a user marked, such as the begin of a stimulus, with its ``label``."""

    time: float
    label: str
