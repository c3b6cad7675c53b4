"""Stage 2: Observations in, a Timeline out. Windows slide over what was observed and are fused; nothing is decoded."""

from dataclasses import dataclass

import numpy as np
import torch

from emorec import fusion as fusions
from emorec import windows
from emorec.emotions import EMOTIONS, fold
from emorec.errors import EmorecError

DEFAULT_STEP = 1.0  # seconds
DEFAULT_WINDOW = 3.0  # seconds; what training used
STEP_RANGE = (0.1, 10.0)
WINDOW_RANGE = (0.2, 60.0)
ROWS_AT_ONCE = 1024  # rows fused in one go, so that what lies between stays in a processor's cache
LAST_STEP = 0.1  # share of a step below which what is left at the end joins the last row


@dataclass(frozen=True)
class Timeline:
    """Emotions over time; every array has one row a step.

    ``start`` and ``end`` (s) are the stretch that a row speaks for; its evidence is taken from a window of
    ``window`` seconds centred on that stretch. ``probabilities`` (N, 7) are NaN where there is no evidence.
    ``face`` and ``voice`` (N, 7) are each modality's own calibrated opinion, NaN where it has none.
    ``person`` is whose face the row is about, -1 for none.
    """

    start: np.ndarray
    end: np.ndarray
    person: np.ndarray
    probabilities: np.ndarray
    face: np.ndarray
    voice: np.ndarray
    face_coverage: np.ndarray
    speech_coverage: np.ndarray
    disagreement: np.ndarray
    fusion: str
    step: float
    window: float
    duration: float
    complete: bool
    media: dict
    notes: tuple

    def __len__(self):
        return len(self.start)

    @property
    def known(self):
        """Rows that have evidence: (N,) bool."""
        return ~np.isnan(self.probabilities[:, 0])

    @property
    def dominant(self):
        """The likeliest emotion of each row, "" where there is no evidence."""
        best = np.nan_to_num(self.probabilities).argmax(axis=1)
        return [EMOTIONS[index] if known else "" for index, known in zip(best, self.known, strict=True)]

    @property
    def confidence(self):
        """Calibrated probability of the dominant emotion: (N,), NaN where there is no evidence."""
        return self.probabilities.max(axis=1) if len(self) else np.zeros(0)

    def shares(self):
        """Share of the time with evidence that each emotion dominates: a dict, likeliest first, and the known share."""
        lengths = self.end - self.start
        known = float(lengths[self.known].sum())
        dominant = np.array(self.dominant)
        shares = {emotion: float(lengths[dominant == emotion].sum()) / known for emotion in EMOTIONS if known}
        total = float(lengths.sum())
        return dict(sorted(shares.items(), key=lambda item: -item[1])), known / total if total else 0.0


def decide(observations, model, fusion="late", step=DEFAULT_STEP, window=DEFAULT_WINDOW, person=None, smooth=0.0):
    """Slide windows over observations and fuse each into probabilities over the seven emotions.

    ``person`` None takes, in every window, the face seen in most of the recording's frames among those in the window;
    ``smooth`` (s) is the deviation of a Gaussian over time that rows with evidence are averaged with.
    Raises EmorecError for observations of another model, a step or window out of range, an unknown fusion or person.
    """
    check(fusion, step, window, smooth)
    if observations.fingerprint and observations.fingerprint != model.fingerprint:
        raise EmorecError("Another model observed this recording; analyze it again with this one.")
    if person is not None and person not in observations.persons:
        raise EmorecError(f"There is no person {person} in this recording; it has {len(observations.persons)}.")
    start, end = rows(observations.until, step)
    middle = (start + end) / 2
    low = np.maximum(middle - window / 2, 0.0)
    high = np.minimum(middle + window / 2, max(observations.until, 1e-9))
    pooled = windows.pool(observations, model, low, high, person, with_features=fusion == "intermediate")
    face, voice, probabilities = fuse(pooled, model, fusion)
    if smooth:
        probabilities = smoothed(probabilities, middle, smooth)
    return Timeline(
        start=start,
        end=end,
        person=np.where(fusion == "voice", -1, pooled.person),
        probabilities=probabilities,
        face=face,
        voice=voice,
        face_coverage=pooled.face_coverage,
        speech_coverage=pooled.voice_coverage,
        disagreement=fusions.disagreement(face, voice),
        fusion=fusion,
        step=step,
        window=window,
        duration=observations.duration,
        complete=observations.complete,
        media=observations.media,
        notes=observations.notes,
    )


def check(fusion="late", step=DEFAULT_STEP, window=DEFAULT_WINDOW, smooth=0.0):
    """Raise EmorecError, in one sentence, for choices that cannot be used."""
    fusions.check(fusion)
    for name, value, (low, high) in (("step", step, STEP_RANGE), ("window", window, WINDOW_RANGE)):
        if not low <= value <= high:
            raise EmorecError(f"The {name} of {value:g} s is out of range; choose {low:g} to {high:g} s.")
    if not 0 <= smooth <= WINDOW_RANGE[1]:
        raise EmorecError(f"The smoothing of {smooth:g} s is out of range; choose 0 to {WINDOW_RANGE[1]:g} s.")


def rows(duration, step):
    """Starts and ends (s) of the rows of a recording: whole steps, the last one taking what is left."""
    count = max(1, int(np.ceil(duration / step - LAST_STEP))) if duration > 0 else 0
    # Rounded to the microsecond, so that 0.1 s steps print as people write them.
    start = np.round(np.arange(count) * step, 6)
    end = np.append(start[1:], duration) if count else start
    return start, end


def fuse(pooled, model, fusion):
    """Each modality's opinion and the fused probabilities of pooled windows: three arrays (N, 7)."""
    calibration = model.calibration
    face = fusions.opinion(pooled.face_probabilities, calibration.face_scale, calibration.face_bias)
    voice = fusions.opinion(pooled.voice_probabilities, calibration.voice_scale, calibration.voice_bias)
    if fusion == "face":
        return face, voice, face.copy()
    if fusion == "voice":
        return face, voice, voice.copy()
    if fusion == "late":
        return face, voice, fusions.late(face, voice, pooled.face_coverage, pooled.voice_coverage, calibration)
    return face, voice, _intermediate(pooled, model, ~np.isnan(face[:, 0]), ~np.isnan(voice[:, 0]))


@torch.inference_mode()
def _intermediate(pooled, model, has_face, has_voice):
    device = next(model.fusion.parameters()).device
    inputs = (pooled.face_features, pooled.voice_features, has_face, has_voice)
    logits = np.zeros((len(has_face), len(model.fusion.config.labels)))
    for begin in range(0, len(has_face), ROWS_AT_ONCE):
        block = slice(begin, begin + ROWS_AT_ONCE)
        parts = (torch.from_numpy(np.asarray(part[block], np.float32)).to(device) for part in inputs)
        logits[block] = model.fusion(*parts).cpu().numpy()
    probabilities = fold(fusions.softmax(logits), model.fusion.config.labels)
    probabilities = fusions.opinion(probabilities, model.calibration.fusion_scale, model.calibration.fusion_bias)
    probabilities[~(has_face | has_voice)] = np.nan
    return probabilities


def smoothed(probabilities, middle, seconds):
    """Rows with evidence averaged over time with a Gaussian of that deviation; rows without stay NaN.

    ``middle`` (s) is that of every row; all but the last are evenly apart.
    """
    known = ~np.isnan(probabilities[:, 0])
    # Beside the probabilities their weight: each row counts once where it is known.
    columns = np.column_stack([np.nan_to_num(probabilities), known])
    reach = 4 * seconds + 1e-9  # never so little that a row leaves itself out
    even, last = columns[:-1], columns[-1:]
    total = np.zeros_like(columns)
    if len(even):
        step = (middle[-2] - middle[0]) / max(len(even) - 1, 1) or 1.0
        lags = min(int(reach / step), len(even) - 1)
        kernel = np.exp(-0.5 * (np.arange(-lags, lags + 1) * step / seconds) ** 2)
        for column, sums in zip(even.T, total.T, strict=True):
            sums[:-1] = np.convolve(column, kernel)[lags : lags + len(even)]
    if len(last):
        near = np.flatnonzero(middle[-1] - middle <= reach)
        weights = np.exp(-0.5 * ((middle[near] - middle[-1]) / seconds) ** 2)[:, None]
        total[near[:-1]] += weights[:-1] * last
        total[-1] = (weights * columns[near]).sum(axis=0)
    out = np.full_like(probabilities, np.nan)
    out[known] = total[known, :-1] / total[known, -1:]
    return out
