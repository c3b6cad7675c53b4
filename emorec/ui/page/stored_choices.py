"""The choices of a stored analysis, which the page takes over when it is opened again from its features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from emorec.errors import listed
from emorec.extraction.features import Features
from emorec.inference.options import STEP_RANGE, UNSURE_BELOW
from emorec.ui.page.analysis import ANYONE, persons
from emorec.ui.page.controls import BASELINES, FUSIONS, MAX_SMOOTHING, MAX_WINDOW, MIN_WINDOW, PRIORS

NAMES = ("fusion", "step", "window", "smooth", "prior", "baseline")  # controls of the page, in the order of the updates
OFFERED = {"fusion": FUSIONS, "prior": PRIORS, "baseline": BASELINES}
RANGES = {"step": STEP_RANGE, "window": (MIN_WINDOW, MAX_WINDOW), "smooth": (0.0, MAX_SMOOTHING)}  # seconds
MAX_SHOWN = 40  # characters of a value that the page does not offer
NOT_OFFERED = "It was stored with {left}; the page does not offer this, so here it looks different."


def of(stored: Mapping[str, Any], features: Features) -> tuple[list[Any], str]:
    """Updates of the controls of NAMES and then of the person, and a sentence about what the page cannot take over.

    ``stored`` are the choices of a result; a control of which they say nothing, as those of earlier versions, stays.
    """
    updates, left = [], []
    for name in NAMES:
        value = stored.get(name)
        taken = value is not None and _is_offered(name, value)
        updates.append(gr.update(value=value) if taken else gr.skip())
        if not taken and value is not None:
            left.append(_words(name, value))
    if (below := stored.get("unsure_below", UNSURE_BELOW)) != UNSURE_BELOW:
        left.append(_words("unsure below", below))
    choices, person = persons(features), stored.get("person")
    taken = person in [value for _, value in choices]
    if not taken and person is not None and len(features.persons) > 1:  # of one person all choices are the same
        left.append(_words("person", person))
    updates.append(gr.update(choices=choices, value=person if taken else ANYONE[1]))
    return updates, NOT_OFFERED.format(left=listed(left)) if left else ""


def _is_offered(name: str, value: Any) -> bool:
    if name in OFFERED:
        return value in [each for _, each in OFFERED[name]]
    low, high = RANGES[name]
    return isinstance(value, int | float) and low <= value <= high


def _words(name: str, value: Any) -> str:
    return f"{name} {str(value)[:MAX_SHOWN]}"
