"""Stage 2: Features in, a timeline out. Windows slide over the features and are fused; nothing is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from emorec.affect import valence_arousal
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.inference import fusion as fusions
from emorec.inference import pooling
from emorec.inference import prior as priors
from emorec.inference.options import (
    DEFAULT_STEP,
    DEFAULT_WINDOW,
    STEP_RANGE,
    UNSURE_BELOW,
    WINDOW_RANGE,
    PriorLike,
    check,
)
from emorec.inference.predict import fuse, smooth
from emorec.models.checkpoint import Checkpoint

__all__ = [
    "DEFAULT_STEP",
    "DEFAULT_WINDOW",
    "GRID_STEP",
    "STEP_RANGE",
    "UNSURE_BELOW",
    "WINDOW_RANGE",
    "PriorLike",
    "Timeline",
    "check",
    "fuse",
    "infer",
    "rows",
]


GRID_STEP = 1.0  # seconds; the step at which highlights are found, whatever step is shown
LAST_STEP = 0.1  # share of a step; a shorter rest at the end joins the last row


OTHER_MODEL = "Another model extracted these features; analyze the recording again with this one."
NO_PERSON = "There is no person {person} in this recording; it has {count}."


@dataclass(frozen=True)
class Timeline:
    """Emotions over time; every array has one row per step.

    ``start`` and ``end`` (s) are the time that a row describes; its evidence comes from a window of ``window`` seconds
    centred on it. ``probabilities`` (N, 7) hold under ``prior`` and are NaN in rows without evidence. ``face`` and
    ``voice`` (N, 7) are the probabilities from each modality alone under the same prior, NaN if it has no evidence.
    ``face_coverage`` and ``speech_coverage`` (N,) are shares of the window, ``row_face`` and ``row_speech`` (N,) shares
    of the row itself. ``evidence`` (N,) goes from 0 (none) to 1 (full). ``disagreement`` (N,) between face and voice is
    a Jensen-Shannon divergence (bits). ``person`` (N,) is the person whose face the row describes, -1 for none.
    ``choices`` are all settings that made the timeline. ``grid`` is the same timeline at GRID_STEP, on which highlights
    are found; None if this is it.
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

    def __len__(self) -> int:
        return len(self.start)

    @property
    def known(self) -> np.ndarray:
        """Whether a row has evidence, (N,) bool."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def witnessed(self) -> np.ndarray:
        """Whether a row itself has evidence, not only the rest of its window, (N,) bool."""
        face, speech = (share >= fusions.MIN_COVERAGE for share in (self.row_face, self.row_speech))
        return self.known & {"face": face, "voice": speech}.get(self.fusion, face | speech)

    @property
    def sure(self) -> np.ndarray:
        """Whether a row itself has evidence and its confidence reaches ``unsure_below``, (N,) bool."""
        return self.witnessed & (np.nan_to_num(self.confidence) >= self.unsure_below)

    @property
    def dominant(self) -> list[str]:
        """The most likely emotion of each row, "" in rows without evidence."""
        best = np.nan_to_num(self.probabilities).argmax(axis=1)
        return [EMOTIONS[index] if known else "" for index, known in zip(best, self.known, strict=True)]

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the dominant emotion, lowered towards 1/7 by missing evidence: (N,), NaN without any."""
        if not len(self):
            return np.zeros(0)
        chance = 1 / len(EMOTIONS)
        return chance + self.evidence * (self.probabilities.max(axis=1) - chance)

    @property
    def valence(self) -> np.ndarray:
        """From -1 (unpleasant) to 1 (pleasant), derived from ``probabilities``: (N,), NaN in rows without evidence."""
        return valence_arousal(self.probabilities)[:, 0]

    @property
    def arousal(self) -> np.ndarray:
        """From -1 (calm) to 1 (excited), derived from ``probabilities``: (N,), NaN in rows without evidence."""
        return valence_arousal(self.probabilities)[:, 1]

    def shares(self) -> tuple[dict[str, float], float]:
        """Each emotion's share of the time that itself has evidence, largest first, and the share of that time.

        Only sure rows count for an emotion, so the shares sum to 1 less the share that is unsure. The second value is
        a share of the whole time.
        """
        lengths = self.end - self.start
        known = float(lengths[self.witnessed].sum())
        dominant = np.where(self.sure, self.dominant, "") if len(self) else np.zeros(0, str)
        shares = {emotion: float(lengths[dominant == emotion].sum()) / known for emotion in EMOTIONS if known}
        total = float(lengths.sum())
        return dict(sorted(shares.items(), key=lambda item: -item[1])), known / total if total else 0.0


def infer(
    features: Features,
    model: Checkpoint,
    fusion: str = "late",
    step: float = DEFAULT_STEP,
    window: float = DEFAULT_WINDOW,
    person: int | None = None,
    smooth: float = 0.0,
    prior: PriorLike = priors.DEFAULT,
    unsure_below: float = UNSURE_BELOW,
) -> Timeline:
    """Slide windows over features and fuse each into probabilities of the seven emotions.

    ``step`` and ``window`` are in seconds. ``person`` is a number of ``features.persons``; None takes, in every row,
    the face that is visible there, and of several that are visible for about as long the one in most of the
    recording's frames. ``smooth`` (s) is the standard deviation of a Gaussian over time by which rows with evidence are
    averaged. ``prior`` is what ``emorec.inference.prior.of`` takes. Rows with a confidence below ``unsure_below`` count
    as unsure. Raises EmorecError for features of another model, a step or window out of range, and an unknown fusion,
    person or prior.
    """
    check(fusion, step, window, smooth, prior, unsure_below)
    if features.fingerprint and features.fingerprint != model.fingerprint:
        raise EmorecError(OTHER_MODEL)
    if person is not None and person not in features.persons:
        raise EmorecError(NO_PERSON.format(person=person, count=len(features.persons)))
    request = _Request(features, model, fusion, window, person, smooth, unsure_below)
    expected = priors.of(prior)
    if expected.adaptive:
        expected = _adapted(request, expected)
    timeline = _timeline(request, step, expected)
    if step == GRID_STEP:
        return timeline
    return replace(timeline, grid=_timeline(request, GRID_STEP, expected))


def rows(until: float, step: float, begin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (s), (N,) each, of the rows from ``begin`` to ``until`` (s): whole steps, the last one longer or
    shorter."""
    count = max(1, int(np.ceil((until - begin) / step - LAST_STEP))) if until > begin else 0
    # Rounded to the microsecond, so that steps of 0.1 s print as people write them.
    start = np.round(begin + np.arange(count) * step, 6)
    end = np.append(start[1:], until) if count else start
    return start, end


@dataclass(frozen=True)
class _Request:
    """What is inferred, apart from the step and the prior."""

    features: Features
    model: Checkpoint
    fusion: str
    window: float
    person: int | None
    smooth: float
    unsure_below: float

    def pooled(self, start: np.ndarray, end: np.ndarray) -> pooling.Pooled:
        """The windows of rows from ``start`` to ``end`` (s), (N,) each."""
        middle = (start + end) / 2
        low = np.maximum(middle - self.window / 2, self.features.start)
        high = np.minimum(middle + self.window / 2, max(self.features.until, 1e-9))
        with_features = self.fusion == "intermediate"
        return pooling.pool(self.features, self.model, low, high, self.person, with_features, rows=(start, end))

    def choices(self, step: float, prior: priors.Prior) -> dict[str, Any]:
        """All settings that make the timeline, by name."""
        shares = zip(EMOTIONS, prior.shares, strict=True)
        return {
            "fusion": self.fusion,
            "step": step,
            "window": self.window,
            "smooth": self.smooth,
            "person": self.person,
            "prior": prior.name,
            "prior_shares": {emotion: round(share, 4) for emotion, share in shares},
            "unsure_below": self.unsure_below,
            **self.features.settings,
            "model": self.model.folder.name if self.model.folder else None,
            "fingerprint": self.model.fingerprint,
        }


def _adapted(request: _Request, prior: priors.Prior) -> priors.Prior:
    """The prior that fits the recording, estimated on windows side by side, each of which counts once."""
    start, end = rows(request.features.until, request.window, request.features.start)
    likelihoods, evidence = fuse(request.pooled(start, end), request.model, request.fusion)[2:]
    known = evidence > 0
    return priors.adapted(likelihoods[known], evidence[known], prior)


def _timeline(request: _Request, step: float, prior: priors.Prior) -> Timeline:
    features, fusion = request.features, request.fusion
    start, end = rows(features.until, step, features.start)
    pooled = request.pooled(start, end)
    *likelihoods, evidence = fuse(pooled, request.model, fusion)
    face, voice, probabilities = (priors.posterior(one, prior.log) for one in likelihoods)
    if request.smooth:
        probabilities = smooth(probabilities, (start + end) / 2, request.smooth)
    row_face, row_speech = pooling.coverage(features, start, end, pooled.person)
    return Timeline(
        start=start,
        end=end,
        person=np.where(fusion == "voice", -1, pooled.person),
        probabilities=probabilities,
        face=face,
        voice=voice,
        face_coverage=pooled.face_coverage,
        speech_coverage=pooled.voice_coverage,
        row_face=row_face,
        row_speech=row_speech,
        evidence=evidence,
        disagreement=fusions.disagreement(face, voice),
        fusion=fusion,
        step=step,
        window=request.window,
        prior=prior,
        duration=features.duration,
        complete=features.complete,
        media=features.media,
        notes=features.notes,
        unsure_below=request.unsure_below,
        choices=request.choices(step, prior),
    )
