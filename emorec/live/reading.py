"""What is shown and heard at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.inference.fusion import MIN_COVERAGE

if TYPE_CHECKING:
    from emorec.timeline import Timeline


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is shown and heard now, by the last row of a timeline.

    ``time`` (s): until when, in the session. ``emotion``: the most likely one, "" without evidence; ``confidence``
    (0 to 1) is that of the row, and ``sure`` whether it reaches ``unsure_below``. ``probabilities`` (7,) are NaN
    without evidence. ``face``, ``speech``: whether there is one now. ``delay`` (s): how old the newest picture is that
    counts, or the newest sound if there are no pictures; None before the first.
    """

    time: float
    emotion: str
    confidence: float
    sure: bool
    probabilities: np.ndarray
    face: bool
    speech: bool
    delay: float | None

    @property
    def words(self) -> str:
        """The reading in a few words: "happy 74%, no speech"."""
        if not self.emotion:
            return "no face and no speech"
        said = f"{self.emotion} {self.confidence:.0%}"
        missing = "" if self.face else ", no face"
        missing += "" if self.speech else ", no speech"
        return (said if self.sure else f"unsure ({said})") + missing


def reading_of(timeline: Timeline, delay: float | None) -> Reading:
    """The Reading of the last row of a timeline; ``delay`` (s) is that of the session."""
    if not len(timeline):
        nothing = np.full(len(EMOTIONS), np.nan)
        return Reading(
            time=0.0,
            emotion="",
            confidence=0.0,
            sure=False,
            probabilities=nothing,
            face=False,
            speech=False,
            delay=delay,
        )
    known = bool(timeline.witnessed[-1])
    return Reading(
        time=float(timeline.end[-1]),
        emotion=timeline.dominant[-1] if known else "",
        confidence=float(timeline.confidence[-1]) if known else 0.0,
        sure=bool(timeline.sure[-1]),
        probabilities=timeline.probabilities[-1],
        face=bool(timeline.row_face[-1] >= MIN_COVERAGE),
        speech=bool(timeline.row_speech[-1] >= MIN_COVERAGE),
        delay=delay,
    )
