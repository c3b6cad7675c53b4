"""Stage 2: Features in, a Timeline out. Windows slide over what was observed and are fused; nothing is decoded."""

from dataclasses import dataclass, field, replace

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import fusion as fusions
from emorec.inference import pooling
from emorec.inference import prior as priors
from emorec.inference.predict import fuse, smoothed

DEFAULT_STEP = 1.0  # seconds
DEFAULT_WINDOW = 3.0  # seconds; what training used
GRID_STEP = 1.0  # seconds; the step that highlights are found at, whatever step is shown
STEP_RANGE = (0.1, 10.0)
WINDOW_RANGE = (0.2, 60.0)
LAST_STEP = 0.1  # share of a step below which what is left at the end joins the last row
UNSURE_BELOW = 0.4  # confidence below which a row counts as unsure


@dataclass(frozen=True)
class Timeline:
    """Emotions over time; every array has one row a step.

    ``start`` and ``end`` (s) are the stretch that a row speaks for; its evidence is taken from a window of
    ``window`` seconds centred on that stretch. ``probabilities`` (N, 7) are NaN where there is no evidence; they
    hold under ``prior``. ``face`` and ``voice`` (N, 7) are what each modality alone says under the same prior, NaN
    where it says nothing. ``face_coverage`` and ``speech_coverage`` are shares of the window, ``row_face`` and
    ``row_speech`` shares of the row itself. ``evidence`` (N,) goes from 0 (none) to 1 (full).
    ``person`` is whose face the row is about, -1 for none. ``choices`` holds everything that made the timeline.
    ``grid`` is the same timeline at GRID_STEP, which highlights are found on; None if this one is it.
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
    media: dict
    notes: tuple
    unsure_below: float = UNSURE_BELOW
    choices: dict = field(default_factory=dict)
    grid: "Timeline | None" = None

    def __len__(self):
        return len(self.start)

    @property
    def known(self):
        """Rows that have evidence: (N,) bool."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def witnessed(self):
        """Rows with evidence of their own, not only of their window's: (N,) bool."""
        face, speech = (share >= fusions.MIN_COVERAGE for share in (self.row_face, self.row_speech))
        return self.known & {"face": face, "voice": speech}.get(self.fusion, face | speech)

    @property
    def sure(self):
        """Rows with evidence of their own whose confidence reaches ``unsure_below``: (N,) bool."""
        return self.witnessed & (np.nan_to_num(self.confidence) >= self.unsure_below)

    @property
    def dominant(self):
        """The likeliest emotion of each row, "" where there is no evidence."""
        best = np.nan_to_num(self.probabilities).argmax(axis=1)
        return [EMOTIONS[index] if known else "" for index, known in zip(best, self.known, strict=True)]

    @property
    def confidence(self):
        """Probability of the dominant emotion, lowered towards 1/7 by missing evidence: (N,), NaN without any."""
        if not len(self):
            return np.zeros(0)
        chance = 1 / len(EMOTIONS)
        return chance + self.evidence * (self.probabilities.max(axis=1) - chance)

    def shares(self):
        """Shares of the time with evidence of its own: a dict by emotion, likeliest first, and how much time that is.

        Only sure rows count for an emotion, so the shares sum to 1 less the share that is unsure. The second value is
        the share of the whole time.
        """
        lengths = self.end - self.start
        known = float(lengths[self.witnessed].sum())
        dominant = np.where(self.sure, self.dominant, "") if len(self) else np.zeros(0, str)
        shares = {emotion: float(lengths[dominant == emotion].sum()) / known for emotion in EMOTIONS if known}
        total = float(lengths.sum())
        return dict(sorted(shares.items(), key=lambda item: -item[1])), known / total if total else 0.0


def infer(
    observations,
    model,
    fusion="late",
    step=DEFAULT_STEP,
    window=DEFAULT_WINDOW,
    person=None,
    smooth=0.0,
    prior=priors.DEFAULT,
    unsure_below=UNSURE_BELOW,
):
    """Slide windows over observations and fuse each into probabilities over the seven emotions.

    ``person`` None takes, in every row, the face that is seen there, and of several that are seen for nearly as long
    the one seen in most of the recording's frames;
    ``smooth`` (s) is the deviation of a Gaussian over time that rows with evidence are averaged with; ``prior`` is
    what ``emorec.inference.prior.of`` takes; rows with a confidence under ``unsure_below`` count as unsure.
    Raises EmorecError for observations of another model, a step or window out of range, an unknown fusion, person or
    prior.
    """
    check(fusion, step, window, smooth, prior, unsure_below)
    if observations.fingerprint and observations.fingerprint != model.fingerprint:
        raise EmorecError("Another model observed this recording; analyze it again with this one.")
    if person is not None and person not in observations.persons:
        raise EmorecError(f"There is no person {person} in this recording; it has {len(observations.persons)}.")
    expected = priors.of(prior)
    if expected.adaptive:
        expected = _adapted(observations, model, fusion, window, person, expected)
    made = {
        "fusion": fusion,
        "step": step,
        "window": window,
        "smooth": smooth,
        "person": person,
        "prior": expected.name,
        "prior_shares": {emotion: round(share, 4) for emotion, share in zip(EMOTIONS, expected.shares, strict=True)},
        "unsure_below": unsure_below,
        **observations.settings,
        "model": model.folder.name if model.folder else None,
        "fingerprint": model.fingerprint,
    }
    timeline = _timeline(observations, model, fusion, step, window, person, smooth, expected, unsure_below, made)
    if step == GRID_STEP:
        return timeline
    grid = _timeline(observations, model, fusion, GRID_STEP, window, person, smooth, expected, unsure_below, made)
    return replace(timeline, grid=grid)


def _adapted(observations, model, fusion, window, person, expected):
    """The prior that fits the recording, estimated on windows side by side, each of which counts once."""
    start, end = rows(observations.until, window, observations.start)
    pooled = _pooled(observations, model, start, end, window, person, fusion)
    likelihoods, evidence = fuse(pooled, model, fusion)[2:]
    known = evidence > 0
    return priors.adapted(likelihoods[known], evidence[known], expected)


def _pooled(observations, model, start, end, window, person, fusion):
    middle = (start + end) / 2
    low = np.maximum(middle - window / 2, observations.start)
    high = np.minimum(middle + window / 2, max(observations.until, 1e-9))
    return pooling.pool(
        observations, model, low, high, person, with_features=fusion == "intermediate", rows=(start, end)
    )


def _timeline(observations, model, fusion, step, window, person, smooth, expected, unsure_below, made):
    start, end = rows(observations.until, step, observations.start)
    pooled = _pooled(observations, model, start, end, window, person, fusion)
    *likelihoods, evidence = fuse(pooled, model, fusion)
    face, voice, probabilities = (priors.posterior(one, expected.log) for one in likelihoods)
    if smooth:
        probabilities = smoothed(probabilities, (start + end) / 2, smooth)
    who = np.where(fusion == "voice", -1, pooled.person)
    row_face, row_speech = pooling.coverage(observations, start, end, pooled.person)
    return Timeline(
        start=start,
        end=end,
        person=who,
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
        window=window,
        prior=expected,
        duration=observations.duration,
        complete=observations.complete,
        media=observations.media,
        notes=observations.notes,
        unsure_below=unsure_below,
        choices=made | {"step": step},
    )


def check(
    fusion="late", step=DEFAULT_STEP, window=DEFAULT_WINDOW, smooth=0.0, prior=priors.DEFAULT, unsure_below=UNSURE_BELOW
):
    """Raise EmorecError, in one sentence, for choices that cannot be used."""
    fusions.check(fusion)
    for name, value, (low, high) in (("step", step, STEP_RANGE), ("window", window, WINDOW_RANGE)):
        if not low <= value <= high:
            raise EmorecError(f"The {name} of {value:g} s is out of range; choose {low:g} to {high:g} s.")
    if not 0 <= smooth <= WINDOW_RANGE[1]:
        raise EmorecError(f"The smoothing of {smooth:g} s is out of range; choose 0 to {WINDOW_RANGE[1]:g} s.")
    if not 0 <= unsure_below <= 1:
        raise EmorecError(f"The confidence of {unsure_below:g} is out of range; choose 0 to 1.")
    priors.of(prior)


def rows(until, step, begin=0.0):
    """Starts and ends (s) of the rows from ``begin`` on: whole steps, the last one taking what is left."""
    count = max(1, int(np.ceil((until - begin) / step - LAST_STEP))) if until > begin else 0
    # Rounded to the microsecond, so that 0.1 s steps print as people write them.
    start = np.round(begin + np.arange(count) * step, 6)
    end = np.append(start[1:], until) if count else start
    return start, end
