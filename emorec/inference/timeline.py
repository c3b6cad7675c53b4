"""Stage 2: Features in, a timeline out. Windows slide over the features and are fused; nothing is decoded."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import channels
from emorec.extraction.features import Features
from emorec.extraction.options import plain
from emorec.inference import baseline_choice, people, pooling, voice_pooling
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference.baseline_choice import BaselineLike
from emorec.inference.options import (
    DEFAULT_STEP,
    DEFAULT_WINDOW,
    STEP_RANGE,
    UNSURE_BELOW,
    WINDOW_RANGE,
    PriorLike,
    check,
)
from emorec.inference.people import PersonLike
from emorec.inference.predict import fuse, smooth
from emorec.inference.request import Request, rows
from emorec.inference.result import Timeline
from emorec.inference.turns import turns
from emorec.models.checkpoint import Checkpoint

__all__ = [
    "DEFAULT_STEP",
    "DEFAULT_WINDOW",
    "GRID_STEP",
    "STEP_RANGE",
    "UNSURE_BELOW",
    "WINDOW_RANGE",
    "PersonLike",
    "PriorLike",
    "Timeline",
    "check",
    "fuse",
    "infer",
    "rows",
]

GRID_STEP = 1.0  # seconds; the step at which highlights are found, whatever step is shown
OTHER_MODEL = "Another model extracted these features; analyze the recording again with this one."


def infer(
    features: Features,
    model: Checkpoint,
    fusion: str = "late",
    step: float = DEFAULT_STEP,
    window: float = DEFAULT_WINDOW,
    person: PersonLike = None,
    smooth: float = 0.0,
    prior: PriorLike = priors.DEFAULT,
    unsure_below: float = UNSURE_BELOW,
    baseline: BaselineLike = baseline_choice.DEFAULT,
    most: int | None = None,
) -> Timeline:
    """Slide windows over features and fuse each into probabilities of the seven emotions.

    ``step`` and ``window`` are in seconds; a row that is longer than the window is read as a whole. ``person`` is a
    number of ``features.persons`` or a name; "main" is the person who is longest on screen; "speaker" is, in every row,
    the one who speaks there; "all" gives a timeline for each person, in ``Timeline.people`` of their mean (see
    ``people.mean``). None takes, in every row, the face that is visible longest there; of several that are visible for
    about as long, the one that is in most of the recording's frames; if the channels are split, it is "all". ``smooth``
    (s) is the standard deviation of a Gaussian over time by which rows of one person with evidence are averaged.
    ``prior`` is what ``emorec.inference.prior.resolve`` takes. Rows with a confidence below ``unsure_below`` count as
    unsure. ``baseline`` is what ``emorec.inference.baseline_choice.resolve`` takes: except with "none", voices are read
    relative to the mean voice of the recording, if it has enough speech, the model has a head for that, and the fusion
    is "late" or "voice". With "person" each person's usual expression in the recording is also taken out of the face,
    if the fusion is "late" or "face"; with START-END the usual expression in that part of the recording; with a JSON
    result file the one of the person of the same name in that file. Of "all" only the ``most`` persons who are longest
    on screen get a timeline, and are in the mean. Raises EmorecError for features of another model, a step or window
    out of range, and an unknown fusion, person, prior or baseline.
    """
    check(fusion, step, window, smooth, prior, unsure_below)
    step, window, smooth, unsure_below = (plain(value) for value in (step, window, smooth, unsure_below))
    chosen, person = baseline_choice.resolve(baseline), people.checked_person(person)
    unused = None if people.is_choosable(features) else person
    if unused is not None:
        person = None
    if person is None and channels.CHANNEL in features.arrays:
        person = people.ALL  # a single voice would say nothing about the others that speak at the same time
    number = people.number_of(features, person)
    if features.fingerprint and features.fingerprint != model.fingerprint:
        raise EmorecError(OTHER_MODEL)
    if chosen.fingerprint not in ("", model.fingerprint):
        raise EmorecError(baseline_choice.OTHER_MODEL.format(given=chosen.name))
    request = Request(
        features=features,
        model=model,
        fusion=fusion,
        window=window,
        person=number,
        smooth=smooth,
        unsure_below=unsure_below,
        baseline=chosen,
        asked_person=person,
        unused_person=unused,
    )
    request = request.with_baseline().with_usual()
    expected = priors.resolve(prior)
    if expected.adaptive:
        expected = _adapted(request, expected)

    def infer_rows(step: float) -> Timeline:
        if person == people.ALL and features.persons:
            return _mean_of_all(request, step, expected, most)
        return _timeline(request, step, expected)

    timeline = infer_rows(step)
    if step == GRID_STEP:
        return timeline
    grid = infer_rows(GRID_STEP)
    each = tuple(replace(one, grid=on_grid) for one, on_grid in zip(timeline.people, grid.people, strict=True))
    return replace(timeline, grid=grid, people=each)


def infer_again(
    timeline: Timeline, features: Features, model: Checkpoint, person: PersonLike, most: int | None = None
) -> Timeline:
    """The timeline of ``person`` with the choices of another ``timeline`` of the same features and model.

    ``person`` and ``most`` are as in ``infer``. An adaptive prior stays as it was estimated for the other one.
    """
    return infer(
        features,
        model,
        timeline.fusion,
        timeline.step,
        timeline.window,
        person,
        timeline.choices.get("smooth", 0.0),
        timeline.prior,
        timeline.unsure_below,
        timeline.baseline,
        most,
    )


def _adapted(request: Request, prior: priors.Prior) -> priors.Prior:
    """The prior that fits the recording, estimated on windows that do not overlap."""
    start, end = rows(request.features.until, request.window, request.features.start)
    likelihoods, evidence = request.fuse(request.pooled(start, end, request.window))[2:]
    known = evidence > 0
    return priors.adapt(likelihoods[known], evidence[known], prior)


def _mean_of_all(request: Request, step: float, prior: priors.Prior, most: int | None) -> Timeline:
    """The mean of the persons of a recording, or of the first ``most``, with the timeline of each."""
    features = request.features
    voice = request.shared_voice(*rows(features.until, step, features.start), step)
    each: list[Timeline] = []
    for number, name in islice(features.names.items(), most):
        own = _timeline(replace(request, person=number, asked_person=number), step, prior, voice)
        each.append(people.about_person(own, number, name))
    # Each person's own notes tell only of that person's usual expression.
    return replace(people.mean(each, features), notes=request.notes())


def _timeline(request: Request, step: float, prior: priors.Prior, heard: voice_pooling.Voice | None = None) -> Timeline:
    features, fusion = request.features, request.fusion
    start, end = rows(features.until, step, features.start)
    pooled = request.pooled(start, end, step, heard)
    *likelihoods, evidence = request.fuse(pooled)
    face, voice, probabilities = (priors.posterior(one, prior.log) for one in likelihoods)
    whose = request.voice_persons(start, end, pooled)
    if request.smooth:
        probabilities = smooth(
            probabilities, (start + end) / 2, request.smooth, request.smoothing_persons(whose, pooled)
        )
    row_face, row_speech = pooling.coverage(features, start, end, pooled.person, whose)
    return Timeline(
        start=start,
        end=end,
        person=people.persons_of_rows(np.where(fusion == "voice", -1, pooled.person), whose),
        probabilities=probabilities,
        face=face,
        voice=voice,
        face_coverage=pooled.face_coverage,
        speech_coverage=pooled.voice_coverage,
        row_face=row_face,
        row_speech=row_speech,
        evidence=evidence,
        disagreement=fusions.disagreement(face, voice),
        turns=turns(features),
        fusion=fusion,
        step=step,
        window=request.window,
        prior=prior,
        duration=features.duration,
        complete=features.complete,
        media=features.media,
        notes=request.notes(),
        unsure_below=request.unsure_below,
        choices=request.choices(step, prior),
        name="" if request.person is None else features.names[request.person],
        names=features.names,
        baseline=request.baseline,
    )
