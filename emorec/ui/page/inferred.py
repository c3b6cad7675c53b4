"""The timeline of what the page shows, from its features, its choices, and what the visitor says of it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.extraction.features import Features
from emorec.inference.timeline import Timeline
from emorec.ui.api import user_errors
from emorec.ui.jobs import validation
from emorec.ui.page.analysis import Analysis, infer, persons
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.service import Service

CHOICES = ("fusion", "step", "window", "smooth", "person", "prior", "baseline")  # of ``timeline_of``, in this order


def timeline_of(
    service: Service, analysis: Analysis, features: Features, active: str, marked: Marked, **choices: Any
) -> Timeline:
    """The timeline of features with the visitor's markers; ``active`` is the checkpoint in use, ``choices`` are the
    values of the controls of CHOICES. A person that is not offered for these features is nobody. Raises ``gr.Error``.
    """
    _, *offered = [number for _, number in persons(features)]
    choices |= {
        "person": choices["person"] if choices["person"] in offered else None,
        "prior": validation.prior(choices["prior"]),
        "baseline": validation.baseline(choices["baseline"]),
    }
    with user_errors():
        analyzer = service.analyzer_for(features, active, analysis.checkpoint)
        return marked.on(analysis, infer(analyzer, features, analysis.facts, **choices))


class Current:
    """The handler that infers the timeline anew before it is written: the page may not have drawn yet what was chosen
    or said last."""

    def __init__(self, service: Service):
        self.service = service

    def timeline(
        self, analysis: Analysis, active: str, edited: Edited, marked: Marked, *choices: Any
    ) -> Timeline | None:
        """The timeline as it would be drawn now, ``choices`` as in CHOICES; None if there is none."""
        features = edited.features(analysis)
        if features is None:
            return analysis.rows
        return timeline_of(self.service, analysis, features, active, marked, **dict(zip(CHOICES, choices, strict=True)))

    def after(
        self, button: gr.Button, parts: SimpleNamespace, session: SimpleNamespace, quiet: dict[str, Any]
    ) -> Callable[..., Any]:
        """What connects a handler that is called after a click on a button, once ``session.timeline`` is current."""
        chosen = [getattr(parts.choices, name) for name in CHOICES]
        shown = [session.analysis, session.active, session.edited, session.marked, *chosen]
        return button.click(self.timeline, shown, session.timeline, concurrency_limit=None, **quiet).success
