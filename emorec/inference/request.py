"""What is inferred from features: the choices that do not change from one timeline of a recording to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.extraction import speakers
from emorec.extraction.features import Features
from emorec.inference import baseline as baselines
from emorec.inference import fusion as fusions
from emorec.inference import people, pooling
from emorec.inference import prior as priors
from emorec.inference.people import PersonLike
from emorec.inference.predict import fuse
from emorec.models.checkpoint import Checkpoint

LAST_STEP = 0.1  # share of a step; a shorter rest at the end joins the last row


def rows(until: float, step: float, begin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (s), (N,) each, of the rows from ``begin`` to ``until`` (s): whole steps, the last one longer or
    shorter."""
    count = max(1, int(np.ceil((until - begin) / step - LAST_STEP))) if until > begin else 0
    # Rounded to the microsecond, so that steps of 0.1 s print as people write them.
    start = np.round(begin + np.arange(count) * step, 6)
    end = np.append(start[1:], until) if count else start
    return start, end


@dataclass(frozen=True)
class Request:
    """What is inferred, apart from the step and the prior; ``own`` is the baseline of the recording, if it has one.

    ``person`` is a number or None, ``asked`` what the caller gave for it.
    """

    features: Features
    model: Checkpoint
    fusion: str
    window: float
    person: int | None
    smooth: float
    unsure_below: float
    baseline: str
    own: baselines.Baseline | None = None
    asked: PersonLike = None

    def pooled(self, start: np.ndarray, end: np.ndarray, voice: pooling.Voice | None = None) -> pooling.Pooled:
        """The windows of rows from ``start`` to ``end`` (s), (N,) each, with the ``voice`` if it is known already."""
        low, high = self.windows(start, end)
        person = people.speakers(self.features, start, end) if self.asked == people.SPEAKER else self.person
        with_features, everybody = self.fusion == "intermediate", self.fusion == "voice" and person is None
        return pooling.pool(self.features, self.model, low, high, person, with_features, (start, end), voice, everybody)

    def whose(self, start: np.ndarray, end: np.ndarray, pooled: pooling.Pooled) -> np.ndarray:
        """The person (N,) whose voice counts in each row from ``start`` to ``end`` (s); -1 is whoever speaks."""
        if self.asked == people.SPEAKER:
            return people.speakers(self.features, start, end)
        if self.person is not None:
            return np.full(len(start), self.person)
        return np.full(len(start), -1) if self.fusion == "voice" else pooled.person

    def shared_voice(self, start: np.ndarray, end: np.ndarray) -> pooling.Voice | None:
        """The voice in the windows of rows from ``start`` to ``end`` (s), which all persons share.

        None if it is known who speaks, as each person then has a voice of their own.
        """
        if people.VOICE_PERSON in self.features.arrays:
            return None
        low, high = self.windows(start, end)
        return pooling.pooled_voice(self.features, self.model, low, high, self.fusion == "intermediate")

    def windows(self, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends (s) of the windows of rows from ``start`` to ``end`` (s), (N,) each."""
        middle = (start + end) / 2
        low = np.maximum(middle - self.window / 2, self.features.start)
        return low, np.minimum(middle + self.window / 2, max(self.features.until, 1e-9))

    def fuse(self, pooled: pooling.Pooled) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """``predict.fuse`` of windows by the choices."""
        return fuse(pooled, self.model, self.fusion, self.own)

    def choices(self, step: float, prior: priors.Prior) -> dict[str, Any]:
        """All settings that make the timeline, by name."""
        shares = zip(EMOTIONS, prior.shares, strict=True)
        return {
            "fusion": self.fusion,
            "step": step,
            "window": self.window,
            "smooth": self.smooth,
            "person": self.asked,
            "prior": prior.name,
            "prior_shares": {emotion: round(share, 4) for emotion, share in shares},
            "unsure_below": self.unsure_below,
            "baseline": self.baseline,
            "baseline_weight": round(self.own.weight, 4) if self.own else 0.0,
            **self.features.settings,
            "model": self.model.folder.name if self.model.folder else None,
            "fingerprint": self.model.fingerprint,
        }

    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about the recording, about who speaks, and about the baseline."""
        who = speakers.note(self.features.arrays) if self.fusion != "face" else ""
        found = [who, baselines.NOTE if self.own else ""]
        return (*self.features.notes, *(sentence for sentence in found if sentence))

    def with_baseline(self) -> Self:
        """The same with the baseline of the recording, from windows side by side, each of which counts once.

        Without one the request stays as it is.
        """
        if self.baseline == "none" or self.fusion not in baselines.FUSIONS or not baselines.available(self.model):
            return self
        low, high = self.windows(*rows(self.features.until, self.window, self.features.start))
        person = -1 if self.person is None else self.person
        heard = pooling.pooled_voice(self.features, self.model, low, high, False, person)
        voice = self.model.calibration.voice.log_likelihood(heard.probabilities)
        return replace(
            self, own=baselines.of(heard.relative, voice, fusions.evidence(voice, heard.coverage, high - low))
        )
