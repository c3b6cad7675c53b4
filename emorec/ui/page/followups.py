"""What the page shows anew after each redraw of the chart, in one event."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr


class Followups:
    """Handlers that are called after each redraw, with the values of their inputs, for the updates of their outputs.

    One event calls all of them, because an event costs the browser and the connection more than most handlers take.
    """

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., Any], Sequence[Any], Sequence[Any]]] = []

    def add(self, handler: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Call a handler, too; it gets ``request`` if it has this parameter. Outputs belong to one handler alone."""
        self._calls.append((handler, inputs, outputs))

    def connect(self, drawn: Any, at_once: dict[str, Any]) -> None:
        """Call the handlers after the event ``drawn``; ``at_once`` are settings of the event."""
        inputs = [component for _, given, _ in self._calls for component in given]
        outputs = [component for *_, shown in self._calls for component in shown]
        drawn.then(self.run, inputs, outputs, **at_once)

    def run(self, request: gr.Request, *values: Any) -> tuple:
        """The updates of all outputs."""
        updates: list[Any] = []
        rest = iter(values)
        for handler, inputs, outputs in self._calls:
            given = [next(rest) for _ in inputs]
            known = {"request": request} if "request" in inspect.signature(handler).parameters else {}
            made = handler(*given, **known)
            updates += made if len(outputs) > 1 else [made]
        return tuple(updates)
