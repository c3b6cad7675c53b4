"""A Timeline in a few numbers."""

from dataclasses import dataclass

import numpy as np

from emorec.inference.timeline import Timeline

LEAST_SECONDS = 5.0  # time with evidence below which nothing can be said of a recording
LEAST_SHARE = 0.05  # of the recording; the longer of the two counts

TOO_LITTLE = "Too little to tell: evidence for only {known:.1f} s of {seconds:.1f} s; {least:.1f} s are needed."


@dataclass(frozen=True)
class Summary:
    """Shares of time and probabilities from 0 to 1.

    ``shares``: share of each emotion, largest first, in the time with evidence of its own; only sure rows count for an
    emotion. ``unsure``: what is left of that time. Both are empty or 0 if there is no evidence. ``known`` and
    ``known_seconds``: how much of the ``seconds`` that the timeline covers has evidence of its own. ``too_little``:
    that is too little to say anything. ``face`` and ``speech``: share of the time with a face seen and with speech
    heard. ``confidence``: mean over the time with evidence of its own, None without any.
    """

    shares: dict[str, float]
    unsure: float
    known: float
    known_seconds: float
    seconds: float
    too_little: bool
    face: float
    speech: float
    confidence: float | None

    @property
    def warning(self) -> str:
        """The sentence to show first if there is too little to tell, else ""."""
        if not self.too_little:
            return ""
        return TOO_LITTLE.format(known=self.known_seconds, seconds=self.seconds, least=_least(self.seconds))


def summary(timeline: Timeline) -> Summary:
    """The Summary of a Timeline; rows count by their length."""
    shares, known = timeline.shares()
    lengths = timeline.end - timeline.start
    seconds = float(lengths.sum())
    known_seconds = float(lengths[timeline.witnessed].sum())
    unsure_seconds = float(lengths[timeline.witnessed & ~timeline.sure].sum())
    return Summary(
        shares=shares,
        unsure=unsure_seconds / known_seconds if known_seconds else 0.0,
        known=known,
        known_seconds=known_seconds,
        seconds=seconds,
        too_little=known_seconds < _least(seconds) - 1e-6,
        face=_mean(timeline.row_face, lengths) or 0.0,
        speech=_mean(timeline.row_speech, lengths) or 0.0,
        confidence=_mean(timeline.confidence[timeline.witnessed], lengths[timeline.witnessed]),
    )


def how(timeline: Timeline) -> str:
    """What decides a timeline, in a few words: "late fusion, everyday prior, 1 s steps"."""
    person, smooth = timeline.choices.get("person"), timeline.choices.get("smooth")
    parts = [
        f"{timeline.fusion} fusion",
        f"{timeline.prior.name} prior",
        f"{timeline.step:g} s steps",
        f"person {person}" if person is not None else "",
        f"smoothed over {smooth:g} s" if smooth else "",
    ]
    return ", ".join(part for part in parts if part)


def _least(seconds: float) -> float:
    return max(LEAST_SECONDS, LEAST_SHARE * seconds)


def _mean(values: np.ndarray, lengths: np.ndarray) -> float | None:
    return float(np.average(values, weights=lengths)) if lengths.sum() else None
