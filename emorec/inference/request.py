"""A request for timelines of a recording: the features, the model, and the choices that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError, listed
from emorec.extraction import channels, speakers, spoken
from emorec.extraction.features import Features
from emorec.extraction.people import PERSON_NAME, plain_name
from emorec.inference import baseline as baselines
from emorec.inference import coverage, people, pooling, usual_expression, voice_pooling
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference.baseline_choice import Choice
from emorec.inference.people import PersonLike
from emorec.inference.predict import SOMEBODY, fuse
from emorec.inference.usual_expression import Measured, Usual
from emorec.models.checkpoint import Checkpoint
from emorec.models.provenance import UNTRAINED, limits

OUTSIDE = "The baseline {name} lies outside of what was analysed, {start:g} to {until:g} s; choose another stretch."
NOT_KNOWN = (
    "No usual expression was taken out of the face of {names}: {name} shows nobody to whom you gave the same name."
)
LAST_STEP = 0.1  # share of a step; a shorter rest at the end joins the last row


def rows(until: float, step: float, begin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends (s), (N,) each, of the rows from ``begin`` to ``until`` (s): whole steps, the last one longer or
    shorter."""
    count = max(1, int(np.ceil((until - begin) / step - LAST_STEP))) if until > begin else 0
    # Rounded to the microsecond, so that steps of 0.1 s print as people write them.
    start = np.round(begin + np.arange(count) * step, 6)
    end = np.append(start[1:], until) if count else start
    return start, end


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is inferred, apart from the step and the prior.

    ``voice_baselines`` and ``usual_expressions`` are by a person's number; -1 is somebody who is not known. ``person``
    is a number or None, and ``asked_person`` what the caller gave for it. ``unused_person`` is the person whom the
    caller chose although nobody can be chosen in this recording, else None.
    """

    features: Features
    model: Checkpoint
    fusion: str
    window: float
    person: int | None
    smooth: float
    unsure_below: float
    baseline: Choice
    voice_baselines: Mapping[int, baselines.Baseline] = field(default_factory=dict[int, baselines.Baseline])
    asked_person: PersonLike = None
    unused_person: PersonLike = None
    usual_expressions: Mapping[int, Usual] = field(default_factory=dict[int, Usual])

    def pooled(
        self, start: np.ndarray, end: np.ndarray, step: float, voice: voice_pooling.Voice | None = None
    ) -> pooling.Pooled:
        """The pooled windows of rows from ``start`` to ``end`` (s), (N,) each, ``step`` (s) apart.

        ``voice`` is the pooled voice in these windows, if it is known already.
        """
        low, high = self.windows(start, end, step)
        person = people.speakers(self.features, start, end) if self.asked_person == people.SPEAKER else self.person
        with_features, everybody = self.fusion == "intermediate", self.fusion == "voice" and person is None
        return pooling.pool(self.features, self.model, low, high, person, with_features, (start, end), voice, everybody)

    def voice_persons(self, start: np.ndarray, end: np.ndarray, pooled: pooling.Pooled) -> np.ndarray:
        """The person (N,) whose voice counts in each row from ``start`` to ``end`` (s); -1 is whoever speaks."""
        if self.asked_person == people.SPEAKER:
            return people.speakers(self.features, start, end)
        if self.person is not None:
            return np.full(len(start), self.person)
        return np.full(len(start), -1) if self.fusion == "voice" else pooled.person

    def smoothing_persons(self, whose: np.ndarray, pooled: pooling.Pooled) -> np.ndarray:
        """The person (N,) with whose rows each row is smoothed, as in ``predict.smooth``.

        Where ``whose`` (N,) names nobody, it is the person whose voice is read, if it is known who speaks.
        """
        if spoken.PERSON not in self.features.arrays:
            return whose
        speaker = np.where(pooled.speaker == spoken.OFF_SCREEN, SOMEBODY, pooled.speaker)
        return np.where(whose < 0, speaker, whose)

    def shared_voice(self, start: np.ndarray, end: np.ndarray, step: float) -> voice_pooling.Voice | None:
        """The voice in the windows of rows from ``start`` to ``end`` (s), ``step`` (s) apart, which all persons share.

        None if it is known who speaks, as each person then has a voice of their own.
        """
        if spoken.PERSON in self.features.arrays:
            return None
        low, high = self.windows(start, end, step)
        return voice_pooling.pooled_voice(self.features, self.model, low, high, self.fusion == "intermediate")

    def windows(self, start: np.ndarray, end: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends (s) of the windows of rows from ``start`` to ``end`` (s), (N,) each, ``step`` (s) apart."""
        return coverage.windows(start, end, self.window, step, (self.features.start, self.features.until))

    def fuse(self, pooled: pooling.Pooled) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """``predict.fuse`` of windows, with the choices of this request."""
        return fuse(pooled, self.model, self.fusion, self.voice_baselines, self.usual_expressions)

    def choices(self, step: float, prior: priors.Prior) -> dict[str, Any]:
        """All settings that make the timeline, by name."""
        shares = zip(EMOTIONS, prior.shares, strict=True)
        return {
            "fusion": self.fusion,
            "step": step,
            "window": self.window,
            "smooth": self.smooth,
            "person": self.asked_person,
            "prior": prior.name,
            "prior_shares": {emotion: round(share, 4) for emotion, share in shares},
            "unsure_below": self.unsure_below,
            "baseline": self.baseline.name,
            "baseline_weight": round(max((one.weight for one in self.voice_baselines.values()), default=0.0), 4),
            **(
                {"usual_expression": usual_expression.added_values(self.usual_expressions)}
                if self.baseline.face
                else {}
            ),
            **self.features.settings,
            "model": self.model.folder.name if self.model.folder else None,
            "fingerprint": self.model.fingerprint,
        }

    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about the recording, about who is shown and who speaks, and about the baselines."""
        split = self.features.settings.get("channel") == channels.SPLIT
        # Speech from off screen counts in rows about nobody, and in all rows if only voices count and nobody is chosen.
        counts = self.asked_person == people.SPEAKER or (self.asked_person is None and self.fusion == "voice")
        who = speakers.unassigned_note(self.features.arrays, counts) if self.fusion != "face" else ""
        whose = channels.voices_note(self.features.arrays, split, self.features.names) if self.fusion != "face" else ""
        usual = baselines.NOTE if self.voice_baselines else baselines.MISSING if self._lacks_layer else ""
        unused = "" if self.unused_person in (None, people.ALL) else people.NOT_USED.format(person=self.unused_person)
        several = people.note_of_several(self.features, self.asked_person, self.fusion)
        untrained = UNTRAINED if self.fusion == "intermediate" and UNTRAINED in limits(self.model.training) else ""
        found = [unused, several, whose, who, people.note_without_faces(self.features, self.fusion), usual, untrained]
        return (*self.features.notes, *(sentence for sentence in found if sentence), *self._about_faces())

    def _about_faces(self) -> list[str]:
        """Sentences about the usual expressions that were taken out."""
        if not self._uses_expressions or not self._persons:
            return []
        names = self.features.names
        if not self._has_neutral:
            return [usual_expression.MISSING]
        if self.baseline.known is not None:
            found = usual_expression.notes(
                self.usual_expressions, [one for one in self._persons if one in self.usual_expressions], names
            )
            lacking = [names[person] for person in self._persons if person not in self.usual_expressions]
            unknown = NOT_KNOWN.format(name=self.baseline.name, names=listed(lacking, usual_expression.MAX_LISTED))
            return [*found, unknown] if lacking else found
        cut = self.baseline.note(self.features.start, self.features.until) if self.features.complete else ""
        return [*([cut] if cut else []), *usual_expression.notes(self.usual_expressions, self._persons, names)]

    @property
    def _lacks_layer(self) -> bool:
        """Whether voices are not read relative to the speaker only because the model has no layer for that."""
        if not self.baseline.voice or self.fusion not in baselines.FUSIONS or baselines.available(self.model):
            return False
        hops = float((self.features.arrays["voice_speech"] >= spoken.SPEECH).sum())
        return hops * self.model.front_end.hop_seconds > baselines.LEAST * self.window

    @property
    def _uses_expressions(self) -> bool:
        """Whether usual expressions are taken out of faces."""
        return self.baseline.face and self.fusion in usual_expression.FUSIONS

    @property
    def _has_neutral(self) -> bool:
        return usual_expression.available(self.model.face.config.labels)

    @property
    def _persons(self) -> list[int]:
        """The persons whom the timeline is about."""
        return self.features.persons if self.person is None else [self.person]

    def with_baseline(self) -> Self:
        """The same request with the baselines of those who speak, from windows that do not overlap.

        It stays as it is if no baseline is wanted, or the model or the fusion has no use for one.
        """
        if not self.baseline.voice or self.fusion not in baselines.FUSIONS or not baselines.available(self.model):
            return self
        low, high = self.windows(*rows(self.features.until, self.window, self.features.start), self.window)
        speaker = voice_pooling.speakers_of(self.features, low, high)
        heard = voice_pooling.pooled_voice(self.features, self.model, low, high, False, speaker)
        voice = self.model.calibration.voice.log_likelihood(heard.probabilities)
        evidence = fusions.evidence(voice, heard.coverage, high - low)
        return replace(self, voice_baselines=baselines.baselines_of_speakers(speaker, heard.relative, voice, evidence))

    def with_usual(self) -> Self:
        """The same request with the usual expressions of the persons, if the baseline takes them out of faces.

        Raises EmorecError if the baseline is a stretch outside of the recording.
        """
        if not self._uses_expressions or not self._has_neutral:
            return self
        named = not self.baseline.whole
        found = {person: usual_expression.usual_of(face, named) for person, face in self._measure_faces()}
        return replace(self, usual_expressions={person: usual for person, usual in found.items() if usual})

    def _measure_faces(self) -> list[tuple[int, Measured]]:
        """What the face of each person usually shows; persons about whom a baseline file tells nothing are left out."""
        persons, known = self._persons, self.baseline.known
        if known is not None:
            if len(persons) == len(known) == 1:  # the same person, whatever the names
                return [(persons[0], next(iter(known.values())))]
            # Only names that were given: "person 0" of one recording is somebody else in another.
            names = self.features.names
            given = {person for person, name in self.features.people.names().items() if names.get(person) == name}
            given -= {person for person in given if PERSON_NAME.fullmatch(names[person])}
            called = {person: plain_name(names[person]) for person in persons if person in given}
            return [(person, known[name]) for person, name in called.items() if name in known]
        start, end = self.baseline.stretch or (self.features.start, self.features.until)
        if self.baseline.stretch:
            start, end = max(start, self.features.start), min(end, self.features.until)
            if start >= end and self.features.complete:
                limits = {"start": self.features.start, "until": self.features.until}
                raise EmorecError(OUTSIDE.format(name=self.baseline.name, **limits))
        low, high = rows(end, usual_expression.WINDOW, start)
        nothing = np.zeros((len(low), 0))
        no_voice = voice_pooling.Voice(nothing, nothing, nothing, np.zeros(len(low)), np.zeros(len(low)))
        found: list[tuple[int, Measured]] = []
        for person in persons if len(low) else ():
            pooled = pooling.pool(self.features, self.model, low, high, person, False, voice=no_voice)
            face = self.model.calibration.face.log_likelihood(pooled.face_probabilities)
            found.append((person, usual_expression.measure(face, pooled.face_coverage * pooled.seconds)))
        return found
