"""The choices of stage 2: their defaults, their ranges, and which cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from pathlib import Path

from emorec.errors import EmorecError
from emorec.extraction.options import plain
from emorec.inference import baseline_choice
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference.baseline_choice import BaselineLike

DEFAULT_STEP = 1.0  # seconds
DEFAULT_WINDOW = 3.0  # seconds; the length that training used
STEP_RANGE = (0.1, 10.0)  # seconds
WINDOW_RANGE = (0.2, 60.0)  # seconds
UNSURE_BELOW = 0.4  # confidence below which a row counts as unsure

PriorLike = str | Path | Mapping[str, float] | priors.Prior
NO_NUMBER = "The {name} must be a number, not {value!r}."


def check(
    fusion: str = "late",
    step: float = DEFAULT_STEP,
    window: float = DEFAULT_WINDOW,
    smooth: float = 0.0,
    prior: PriorLike = priors.DEFAULT,
    unsure_below: float = UNSURE_BELOW,
    baseline: BaselineLike = baseline_choice.DEFAULT,
) -> None:
    """Raise EmorecError, in one sentence, for settings that cannot be used."""
    fusions.check(fusion)
    baseline_choice.resolve(baseline)
    numbers: dict[str, object] = {"step": step, "window": window, "smoothing": smooth, "confidence": unsure_below}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise EmorecError(NO_NUMBER.format(name=name, value=value))
    step, window, smooth, unsure_below = (plain(value) for value in numbers.values())
    for name, value, (low, high) in (("step", step, STEP_RANGE), ("window", window, WINDOW_RANGE)):
        if not low <= value <= high:
            raise EmorecError(f"The {name} of {value:g} s is out of range; choose {low:g} to {high:g} s.")
    if not 0 <= smooth <= WINDOW_RANGE[1]:
        raise EmorecError(f"The smoothing of {smooth:g} s is out of range; choose 0 to {WINDOW_RANGE[1]:g} s.")
    if not 0 <= unsure_below <= 1:
        raise EmorecError(f"The confidence of {unsure_below:g} is out of range; choose 0 to 1.")
    priors.resolve(prior)
