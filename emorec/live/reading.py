"""The reading of a live session: what is shown and heard at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.spoken import OFF_SCREEN, PERSON, SPEECH, UNSURE
from emorec.inference import baseline_choice, options
from emorec.inference.fusion import enough
from emorec.output.text import percent

if TYPE_CHECKING:
    from emorec.extraction.features import Features
    from emorec.timeline import Timeline

TOO_LITTLE = "too little to tell"
NO_STRETCH = (
    "The baseline {name} is a stretch of time, which a reading of the last seconds does not hold; choose person, or "
    "infer with it from all features of the session."
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is shown and heard now, by the last row of a timeline.

    ``time`` (s): until when, in the session. ``emotion``: the most likely one, "" without evidence; ``confidence``
    (0 to 1) is that of the row, and ``sure`` whether it reaches ``unsure_below``. ``probabilities`` (7,) are NaN
    without evidence. ``face``, ``speech``: whether there is one now that counts; ``given_to_nobody``: whether there is
    speech that does not, because it is not the voice of a person in view. ``delay`` (s): how old the newest picture is
    that counts, or the newest sound if there are no pictures; None before the first.
    """

    time: float
    emotion: str
    confidence: float
    sure: bool
    probabilities: np.ndarray
    face: bool
    speech: bool
    given_to_nobody: bool = False
    delay: float | None

    @property
    def words(self) -> str:
        """The reading in a few words: "happy 74%, no speech"."""
        missing = [] if self.face else ["no face"]
        if not self.speech:
            missing.append("voice given to nobody in view" if self.given_to_nobody else "no speech")
        if not self.emotion:
            return " and ".join(missing) or TOO_LITTLE
        reading = f"{self.emotion} {percent(self.confidence, self.sure)}"
        return ", ".join([reading if self.sure else f"unsure ({reading})", *missing])


def reading_of(timeline: Timeline, delay: float | None, features: Features | None = None) -> Reading:
    """The Reading of the last row of a timeline; ``delay`` (s) is that of the session.

    ``features`` are those that the timeline was inferred from; without them no speech counts as given to nobody.
    """
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
    nobody = 0.0 if features is None else _given_to_nobody(features, float(timeline.start[-1]))
    shares = np.array([timeline.row_face[-1], timeline.row_speech[-1], nobody])
    face, speech, given_to_nobody = enough(shares).tolist()
    return Reading(
        time=float(timeline.end[-1]),
        emotion=timeline.dominant[-1] if known else "",
        confidence=float(timeline.confidence[-1]) if known else 0.0,
        sure=bool(timeline.sure[-1]),
        probabilities=timeline.probabilities[-1] if known else np.full(len(EMOTIONS), np.nan),
        face=face,
        speech=speech,
        given_to_nobody=given_to_nobody,
        delay=delay,
    )


def check_choices(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The choices of a timeline of the last seconds, with a step (s), and a baseline that is read from its file.

    Raises EmorecError for a step that cannot be used, and for a baseline that is a stretch of time.
    """
    step = choices.get("step", options.DEFAULT_STEP)
    baseline = baseline_choice.resolve(choices.get("baseline", baseline_choice.DEFAULT))
    options.check(step=step, baseline=baseline)
    if baseline.stretch is not None:
        raise EmorecError(NO_STRETCH.format(name=baseline.name))
    return {**choices, "step": step, "baseline": baseline}


def _given_to_nobody(features: Features, start: float) -> float:
    """The share of the time from ``start`` (s) on with speech that is given to nobody in view."""
    arrays, seconds = features.arrays, features.until - start
    if PERSON not in arrays or seconds <= 0:
        return 0.0
    nobody = np.isin(arrays[PERSON], (OFF_SCREEN, UNSURE)) & (arrays["voice_speech"] >= SPEECH)
    return features.hop_seconds * float((nobody & (arrays["voice_time"] >= start)).sum()) / seconds
