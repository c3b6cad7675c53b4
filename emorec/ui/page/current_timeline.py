"""The timeline that the page shows, from its features, its choices, and the visitor's names and markers."""

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.extraction.features import Features
from emorec.inference.timeline import Timeline
from emorec.ui.api import user_errors
from emorec.ui.jobs import validation
from emorec.ui.page.analysis import Analysis, infer, person_choices
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.service import Service

CHOICES = ("fusion", "step", "window", "smooth", "person", "prior", "baseline")  # of ``infer_current``, in this order
# For events that a list of persons is an input of: when one comes, the chosen person may not be offered any more. The
# handlers allow for this, while Gradio would report an error that says little.
NOT_PREPROCESSED: dict[str, Any] = {"preprocess": False}


def infer_current(
    service: Service, analysis: Analysis, features: Features, active: str, marked: PageMarkers, **choices: Any
) -> Timeline:
    """The timeline of features with the visitor's markers.

    ``active`` is the checkpoint in use, ``choices`` are the values of the controls of CHOICES. A person whom these
    features do not have counts as no choice. Raises ``gr.Error``.
    """
    _, *offered = [number for _, number in person_choices(features)]
    choices |= {
        "person": choices["person"] if choices["person"] in offered else None,
        "prior": validation.prior(choices["prior"]),
        "baseline": validation.baseline(choices["baseline"]),
    }
    with user_errors():
        analyzer = service.analyzer_for(features, active, analysis.checkpoint)
        return marked.on(analysis, infer(analyzer, features, analysis.facts, **choices))


class CurrentTimeline:
    """Infers the timeline again for a handler that writes it to a file.

    The page may not have drawn the latest choices and edits yet.
    """

    def __init__(self, service: Service, parts: SimpleNamespace, session: SimpleNamespace):
        self.service = service
        chosen = [getattr(parts.choices, name) for name in CHOICES]
        self._inputs = [session.analysis, session.active, session.edited, session.marked, *chosen]

    def timeline(
        self, analysis: Analysis, active: str, edited: PeopleEdits, marked: PageMarkers, *choices: Any
    ) -> Timeline | None:
        """The timeline as it would be drawn now, ``choices`` as in CHOICES; None if there is none."""
        features = edited.features(analysis)
        if features is None:
            return analysis.rows
        return infer_current(
            self.service, analysis, features, active, marked, **dict(zip(CHOICES, choices, strict=True))
        )

    def on_click(
        self, button: gr.Button, handler: Callable[..., Any], inputs: list[Any], outputs: Any, **settings: Any
    ) -> Any:
        """Call a handler with the values of ``inputs``, and the keywords ``timeline`` and ``request``, at a click.

        Returns the event; ``settings`` are those of the event.
        """
        count = len(self._inputs)

        def call(request: gr.Request, *values: Any) -> Any:
            return handler(*values[count:], timeline=self.timeline(*values[:count]), request=request)

        def call_generator(request: gr.Request, *values: Any) -> Iterator[Any]:
            yield from call(request, *values)

        called = call_generator if inspect.isgeneratorfunction(handler) else call
        called.__name__ = handler.__name__
        return button.click(called, [*self._inputs, *inputs], outputs, **(settings | NOT_PREPROCESSED))
