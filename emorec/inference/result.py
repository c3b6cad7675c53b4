"""The result of stage 2: emotions over time."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from emorec.affect import valence_arousal
from emorec.annotation import Marker
from emorec.emotions import EMOTIONS
from emorec.extraction.people import VOICE_NAMES, default_name
from emorec.inference import baseline_choice
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference.baseline_choice import Choice
from emorec.inference.options import UNSURE_BELOW
from emorec.inference.turns import Turn


@dataclass(frozen=True, kw_only=True, eq=False)  # a timeline equals itself only: arrays are not true or false
class Timeline:
    """Emotions over time; every array has one row per step.

    ``start`` and ``end`` (s) are the time that a row describes; its evidence comes from a window of ``window`` seconds
    centred on it, or from the row itself if the step is longer. ``probabilities`` (N, 7) hold under ``prior`` and are
    NaN in rows without evidence. ``face`` and ``voice`` (N, 7) are the probabilities from each modality alone under the
    same prior, NaN if it has no evidence. ``face_coverage`` and ``speech_coverage`` (N,) are shares of the window,
    ``row_face`` and ``row_speech`` (N,) shares of the row itself. ``evidence`` (N,) goes from 0 (none) to 1 (full).
    ``disagreement`` (N,) between face and voice is a Jensen-Shannon divergence (bits). ``person`` (N,) is the person
    whose face the row describes, -1 for none. ``choices`` are all settings that made the timeline. ``grid`` is the same
    timeline at GRID_STEP, on which highlights are found; None if this is it. ``markers`` are points in time that the
    user marked.

    ``people`` has one timeline for each person if all were asked for; this one is then their mean. ``name`` is that of
    the person whom the timeline is about, "" if that is nobody or changes. ``names`` are those of all persons.
    ``turns`` tell who speaks when. ``baseline`` is the one that made the timeline; ``choices`` hold only its name.
    """

    start: np.ndarray
    end: np.ndarray
    person: np.ndarray
    probabilities: np.ndarray
    face: np.ndarray
    voice: np.ndarray
    face_coverage: np.ndarray
    speech_coverage: np.ndarray
    row_face: np.ndarray
    row_speech: np.ndarray
    evidence: np.ndarray
    disagreement: np.ndarray
    fusion: str
    step: float
    window: float
    prior: priors.Prior
    duration: float
    complete: bool
    media: dict[str, Any]
    notes: tuple[str, ...]
    unsure_below: float = UNSURE_BELOW
    choices: dict[str, Any] = field(default_factory=dict[str, Any])
    grid: Timeline | None = None
    people: tuple[Timeline, ...] = ()
    name: str = ""
    names: dict[int, str] = field(default_factory=dict[int, str])
    markers: tuple[Marker, ...] = ()
    turns: tuple[Turn, ...] = ()
    baseline: Choice = baseline_choice.resolve(baseline_choice.DEFAULT)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def each(self) -> tuple[Timeline, ...]:
        """The timelines whose rows a table holds: those of all persons, or only this one."""
        return self.people or (self,)

    @property
    def row_names(self) -> list[str]:
        """The name of the person in each row, "" if the row shows nobody and the timeline is about nobody."""
        return [
            self.names.get(int(person), default_name(person)) if person >= 0 else self.name for person in self.person
        ]

    @property
    def only_heard(self) -> bool:
        """Whether this is about a person without a face, who has a channel of the sound."""
        return len(self) > 0 and bool(np.isin(self.person, [*VOICE_NAMES]).all())

    @cached_property
    def known(self) -> np.ndarray:
        """Whether a row has evidence, (N,) bool."""
        return ~np.isnan(self.probabilities[:, 0])

    @cached_property
    def witnessed(self) -> np.ndarray:
        """Whether a row itself has evidence, not only the rest of its window, (N,) bool."""
        face, speech = (fusions.enough(share) for share in (self.row_face, self.row_speech))
        return self.known & {"face": face, "voice": speech}.get(self.fusion, face | speech)

    @cached_property
    def sure(self) -> np.ndarray:
        """Whether a row itself has evidence and its confidence reaches ``unsure_below``, (N,) bool."""
        return self.witnessed & (np.nan_to_num(self.confidence) >= self.unsure_below)

    @cached_property
    def by_prior(self) -> np.ndarray:
        """Whether a row is sure only because of the prior, (N,) bool: if all emotions were expected alike, it would be
        unsure or show another emotion."""
        even = self.probabilities / np.maximum(self.prior.shares, priors.FLOOR)
        even = even / even.sum(axis=1, keepdims=True)
        other = np.nan_to_num(even).argmax(axis=1) != np.nan_to_num(self.probabilities).argmax(axis=1)
        return self.sure & (other | (np.nan_to_num(self._confidence_of(even)) < self.unsure_below))

    @property
    def dominant(self) -> list[str]:
        """The most likely emotion of each row, "" in rows without evidence."""
        best = np.nan_to_num(self.probabilities).argmax(axis=1)
        return [EMOTIONS[index] if known else "" for index, known in zip(best, self.known, strict=True)]

    @cached_property
    def confidence(self) -> np.ndarray:
        """Probability of the dominant emotion, lowered towards 1/7 by missing evidence: (N,), NaN without any."""
        return self._confidence_of(self.probabilities)

    def _confidence_of(self, probabilities: np.ndarray) -> np.ndarray:
        if not len(self):
            return np.zeros(0)
        chance = 1 / len(EMOTIONS)
        return chance + self.evidence * (probabilities.max(axis=1) - chance)

    @property
    def valence(self) -> np.ndarray:
        """From -1 (unpleasant) to 1 (pleasant), derived from ``probabilities``: (N,), NaN in rows without evidence."""
        return valence_arousal(self.probabilities)[:, 0]

    @property
    def arousal(self) -> np.ndarray:
        """From -1 (calm) to 1 (excited), derived from ``probabilities``: (N,), NaN in rows without evidence."""
        return valence_arousal(self.probabilities)[:, 1]

    def between(self, start: float, end: float) -> Self:
        """The same timeline with only the rows that overlap the part from ``start`` to ``end`` (s).

        Rows stay whole, and turns end with them. ``choices["part"]`` are the two times. Without such rows the timeline
        is empty.
        """
        keep = (self.end > start) & (self.start < end)
        arrays = {one.name: getattr(self, one.name)[keep] for one in fields(self) if one.type == "np.ndarray"}
        grid = None if self.grid is None else self.grid.between(start, end)
        people = tuple(person.between(start, end) for person in self.people)
        markers = tuple(marker for marker in self.markers if start <= marker.time <= end)
        first, last = (float(self.start[keep][0]), float(self.end[keep][-1])) if keep.any() else (start, start)
        turns = tuple(
            replace(turn, start=max(turn.start, first), end=min(turn.end, last))
            for turn in self.turns
            if turn.end > first and turn.start < last
        )
        choices = self.choices | {"part": [start, end]}
        return replace(self, **arrays, grid=grid, people=people, markers=markers, turns=turns, choices=choices)

    def shares(self) -> tuple[dict[str, float], float]:
        """Each emotion's share of the time that itself has evidence, largest first, and the share of that time.

        Only sure rows count for an emotion, so the shares sum to 1 less the share that is unsure. The second value is
        a share of the whole time.
        """
        lengths = self.end - self.start
        known, sure = float(lengths[self.witnessed].sum()), self.sure
        best = self.probabilities[sure].argmax(axis=1) if sure.any() else np.zeros(0, int)
        seconds = np.bincount(best, weights=lengths[sure], minlength=len(EMOTIONS))
        shares = {emotion: float(each) / known for emotion, each in zip(EMOTIONS, seconds, strict=True) if known}
        total = float(lengths.sum())
        return dict(sorted(shares.items(), key=lambda item: -item[1])), known / total if total else 0.0
