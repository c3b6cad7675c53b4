"""A person's usual expression, which the baselines "person", a stretch of time and a file take out of the face.

A face at rest may look angry or surprised to the network for as long as it is seen. The usual expression is the median
of the face's log likelihoods over time, as far as it exceeds that of a neutral face; it is subtracted from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import listed

FUSIONS = ("late", "face")  # that use it; intermediate fusion has a network of its own
WINDOW = 3.0  # seconds of the windows side by side over which the median is taken

# Log likelihood of each other emotion above that of neutral up to which a resting face counts as neutral. This and the
# numbers below were chosen on four actors; three others are measured (train/RECIPES.md).
AT_REST = -0.5
# Seconds of a face up to which nothing is taken out, and seconds beyond these that are worth half of the result.
LEAST = 12.0
SHRINKAGE = 12.0
# Median log likelihood of another emotion above that of neutral, from which on less is taken out, and from which on
# nothing: somebody who laughs throughout is not at rest.
DOUBT = (2.0, 3.0)
# The same for what the user names as usual, a stretch or another recording: it needs no doubt, and less evidence.
NAMED_LEAST = 0.0
NAMED_SHRINKAGE = 2.0

LISTED = 0.5  # log likelihood that a note mentions
MAX_LISTED = 5  # persons in one note

NEUTRAL = EMOTIONS.index("neutral")

PHRASE = "usual expression"  # in every note about it
TAKEN = "From the face of {name}, {emotions} taken out as usual expression."
DOUBTED = (
    "The face of {name} looks {emotion} for most of the recording, so {amount} was taken out as usual expression; if "
    "this is the face at rest, give a stretch of time that shows it as the baseline."
)
MISSING = "These weights know no neutral face, so no usual expression was taken out of a face."
TOO_SHORT = "The usual expression of {names} is not known, as the face is seen for too short a time."


@dataclass(frozen=True)
class Measured:
    """What a face usually shows: ``above_neutral`` (7,), the median log likelihoods less that of neutral, and the
    ``seconds`` that it was seen."""

    above_neutral: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Usual:
    """What is taken out of the log likelihoods of a person's face: ``taken`` (7,), 0 or more, and 0 for neutral.

    ``doubted`` is the emotion that prevails in the whole recording so clearly that less is taken out, "" if none does.
    """

    taken: np.ndarray
    doubted: str = ""


def available(labels: Iterable[str]) -> bool:
    """Whether a face network with these labels knows neutral, against which the usual expression is measured."""
    return any(emotion_of(label) == EMOTIONS[NEUTRAL] for label in labels)


def measure(face: np.ndarray, seconds: np.ndarray) -> Measured:
    """What a face usually shows, from log likelihoods (N, 7) of windows side by side, NaN without a face.

    ``seconds`` (N,) are those that each window shows the face.
    """
    seen = ~np.isnan(face[:, 0]) & (seconds > 0)
    if not seen.any():
        return Measured(np.zeros(len(EMOTIONS)), 0.0)
    above, weights = face[seen] - face[seen][:, [NEUTRAL]], seconds[seen]
    return Measured(np.array([_median(values, weights) for values in above.T]), float(weights.sum()))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median: the mean of the two middle values where they meet."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    low, high = np.searchsorted(reached, (0.5 - 1e-9, 0.5 + 1e-9))
    return float((values[order[low]] + values[order[min(high, len(order) - 1)]]) / 2)


def usual_of(measured: Measured, named: bool) -> Usual | None:
    """What to take out; None if the face is seen for too short a time.

    ``named`` is whether the user said that this is usual.
    """
    least, shrinkage = (NAMED_LEAST, NAMED_SHRINKAGE) if named else (LEAST, SHRINKAGE)
    beyond = measured.seconds - least
    if beyond <= 0:
        return None
    others = np.where(np.arange(len(EMOTIONS)) == NEUTRAL, -np.inf, measured.above_neutral)
    prevailing = int(others.argmax())
    doubt = 0.0 if named else float(np.clip((others[prevailing] - DOUBT[0]) / (DOUBT[1] - DOUBT[0]), 0.0, 1.0))
    excess = np.maximum(measured.above_neutral - AT_REST, 0.0)
    excess[NEUTRAL] = 0.0
    taken = beyond / (beyond + shrinkage) * (1 - doubt) * excess
    return Usual(taken, EMOTIONS[prevailing] if doubt else "")


def remove_usual(face: np.ndarray, persons: np.ndarray, usual: Mapping[int, Usual]) -> np.ndarray:
    """Log likelihoods (N, 7) of the faces of ``persons`` (N,) less the usual expression of each; NaN stays NaN."""
    if not usual:
        return face
    taken = np.zeros_like(face)
    for person, expression in usual.items():
        taken[persons == person] = expression.taken
    rest = face - taken
    return rest - rest.mean(axis=-1, keepdims=True)


def added_values(usual: Mapping[int, Usual]) -> dict[str, dict[str, float]]:
    """What was added to the log likelihoods of each person's face, by number and emotion: 0 or less."""
    return {
        str(person): {emotion: round(0.0 - float(value), 4) for emotion, value in zip(EMOTIONS, one.taken, strict=True)}
        for person, one in usual.items()
    }


def notes(usual: Mapping[int, Usual], persons: Iterable[int], names: Mapping[int, str]) -> list[str]:
    """Sentences about what was taken out of the faces of ``persons``, and about those of whom too little is known."""
    found: list[str] = []
    unknown: list[str] = []
    for person in persons:
        expression = usual.get(person)
        if expression is None:
            unknown.append(names[person])
            continue
        taken = _listed_emotions(expression.taken)
        if taken:
            found.append(TAKEN.format(name=names[person], emotions=taken))
        if expression.doubted:
            amount = "only a part" if taken else "nothing"
            found.append(DOUBTED.format(name=names[person], emotion=expression.doubted, amount=amount))
    return [*found, TOO_SHORT.format(names=listed(unknown, MAX_LISTED))] if unknown else found


def _listed_emotions(taken: np.ndarray) -> str:
    """Text such as "angry (log likelihood -1.2) and fear (-0.7) were", strongest first; "" if none is worth a note."""
    order = [index for index in np.argsort(-taken, kind="stable") if taken[index] >= LISTED]
    words = [f"{EMOTIONS[index]} (-{taken[index]:.1f})" for index in order]
    words[:1] = [word.replace("(", "(log likelihood ") for word in words[:1]]
    return f"{listed(words, MAX_LISTED)} {'was' if len(words) == 1 else 'were'}" if words else ""
