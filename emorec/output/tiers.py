"""A timeline as tiers of an annotation program: one tier for each modality, with runs of the same dominant emotion."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from emorec.affect import valence_arousal
from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output.text import plain

FUSED = "emotion"
MODALITIES = (FUSED, "face", "voice")
DIGITS = 4  # of a confidence in a label


@dataclass(frozen=True)
class Run:
    """Rows with the same dominant emotion, from ``start`` to ``end`` (s).

    ``probabilities`` (7,) and ``confidence`` are means over that time, weighted by the length of the rows, and ``sure``
    is the share of it that is sure.
    """

    start: float
    end: float
    emotion: str
    confidence: float
    probabilities: np.ndarray
    sure: float

    @property
    def valence(self) -> float:
        """Mean valence, -1 to 1."""
        return float(valence_arousal(self.probabilities)[0])

    @property
    def arousal(self) -> float:
        """Mean arousal, -1 to 1."""
        return float(valence_arousal(self.probabilities)[1])

    @property
    def shown_confidence(self) -> str:
        """The confidence as text, with DIGITS decimals at most."""
        return f"{round(self.confidence, DIGITS):g}"

    @property
    def milliseconds(self) -> tuple[int, int]:
        """Start and end in whole milliseconds; the end is later than the start."""
        start = round(self.start * 1000)
        return start, max(round(self.end * 1000), start + 1)


@dataclass(frozen=True)
class Tier:
    """The runs of one modality of one person; ``name`` is unique in a timeline, ``person`` is a name or ""."""

    name: str
    person: str
    modality: str
    runs: list[Run]


def runs(timeline: Timeline, modality: str = FUSED) -> list[Run]:
    """The runs of one modality in order of time, without the rows that have no evidence.

    The confidence of FUSED is that of the rows; that of a modality alone is the probability of the emotion.
    """
    if not len(timeline):
        return []
    values = timeline.probabilities if modality == FUSED else getattr(timeline, modality)
    known = ~np.isnan(values[:, 0])
    best = np.where(known, np.nan_to_num(values).argmax(axis=1), -1)
    confidence = timeline.confidence if modality == FUSED else values.max(axis=1)
    lengths = np.maximum(timeline.end - timeline.start, 1e-9)
    first = np.flatnonzero(np.diff(best, prepend=-2))
    found = []
    for begin, end in zip(first, np.append(first[1:], len(best)), strict=True):
        if best[begin] < 0:
            continue
        rows = slice(begin, end)
        found.append(
            Run(
                start=float(timeline.start[begin]),
                end=float(timeline.end[end - 1]),
                emotion=EMOTIONS[best[begin]],
                confidence=float(np.average(confidence[rows], weights=lengths[rows])),
                probabilities=np.average(values[rows], weights=lengths[rows], axis=0),
                sure=float(np.average(timeline.sure[rows], weights=lengths[rows])),
            )
        )
    return found


def tiers(timeline: Timeline) -> list[Tier]:
    """A tier for each person and modality; without persons, one for each modality."""
    taken: set[str] = set()
    found = []
    for one in timeline.each:
        person = plain(one.name)
        for modality in MODALITIES:
            wanted = f"{person} {modality}".strip()
            numbered = (f"{wanted} {number}" for number in itertools.count(2))
            name = next(name for name in itertools.chain([wanted], numbered) if name not in taken)
            taken.add(name)
            found.append(Tier(name, person, modality, runs(one, modality)))
    return found
