"""The choices and the edits of a stored analysis, with which the page shows it when it is opened again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from emorec.errors import EmorecError, listed
from emorec.extraction.features import Features
from emorec.extraction.people import NOBODY, plain_name
from emorec.inference.options import STEP_RANGE, UNSURE_BELOW
from emorec.inference.people import number_of
from emorec.ui.page.analysis import ANYONE, Analysis, person_choices
from emorec.ui.page.controls import BASELINES, FUSIONS, MAX_SMOOTHING, MAX_WINDOW, MIN_WINDOW, PRIORS
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.sessions.memory import Edits

NAMES = ("fusion", "step", "window", "smooth", "prior", "baseline")  # controls of the page, in the order of the updates
OFFERED = {"fusion": FUSIONS, "prior": PRIORS, "baseline": BASELINES}
RANGES = {"step": STEP_RANGE, "window": (MIN_WINDOW, MAX_WINDOW), "smooth": (0.0, MAX_SMOOTHING)}  # seconds
MAX_SHOWN = 40  # characters of a value that the page does not offer
NOT_OFFERED = "It was stored with {left}; the page does not offer this, so here it looks different."
NOT_NAMED = "Names, joins and divisions of persons that it was stored with are not taken over."


def edits_of_page(edits: Edits, analysis: Analysis) -> tuple[PeopleEdits, PageMarkers]:
    """The edits of a recording, as states of the page for the analysis that it shows now.

    Where there are none, the state belongs to no analysis, so that it does not remove the names or markers that are
    kept later when the recording is analysed with other choices.
    """
    edited = PeopleEdits(analysis.id, edits.people) if edits.people != NOBODY else PeopleEdits()
    return edited, PageMarkers(analysis.id, edits.markers) if edits.markers else PageMarkers()


def control_updates(
    stored: Mapping[str, Any], features: Features, names: Mapping[int, str] | None = None
) -> tuple[list[Any], str]:
    """Updates of the controls of NAMES and then of the person, and sentences about choices that are not offered.

    ``stored`` are the choices of a result, and ``names`` the names of the persons in its rows. A control does not
    change if ``stored`` lacks its choice, as in results of earlier versions.
    """
    updates, left = [], []
    for name in NAMES:
        value = stored.get(name)
        offered = value is not None and _is_offered(name, value)
        updates.append(gr.update(value=value) if offered else gr.skip())
        if not offered and value is not None:
            left.append(_words(name, value))
    if (below := stored.get("unsure_below", UNSURE_BELOW)) != UNSURE_BELOW:
        left.append(_words("unsure below", below))
    given = {
        number: name
        for number, name in (names or {}).items()
        if number >= 0 and plain_name(name) != plain_name(features.names.get(number, ""))
    }
    choices, person = person_choices(features), _number(stored.get("person"), features, given)
    offered = person in [value for _, value in choices]
    if not offered and person is not None and len(features.persons) > 1:  # of one person all choices are the same
        left.append(_words("person", person))
    updates.append(gr.update(choices=choices, value=person if offered else ANYONE[1]))
    notes = [NOT_OFFERED.format(left=listed(left))] if left else []
    return updates, " ".join([*notes, NOT_NAMED] if given else notes)


def _number(person: Any, features: Features, given: Mapping[int, str]) -> Any:
    """The number of a stored person; a choice that is no person, such as "all", is returned as it is."""
    try:
        number = number_of(features, person)
    except EmorecError:  # perhaps a name that was given in the result
        number = next((number for number, name in given.items() if name == person), None)
    return person if number is None else number


def _is_offered(name: str, value: Any) -> bool:
    if name in OFFERED:
        return value in [each for _, each in OFFERED[name]]
    low, high = RANGES[name]
    return isinstance(value, int | float) and low <= value <= high


def _words(name: str, value: Any) -> str:
    return f"{name} {str(value)[:MAX_SHOWN]}"
