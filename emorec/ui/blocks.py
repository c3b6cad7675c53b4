"""The ``gr.Blocks`` of the page: it corrects the inputs of events, and forgets what Gradio keeps of sessions."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import gradio as gr

from emorec.inference.timeline import Timeline
from emorec.ui.jobs import validation
from emorec.ui.service import Service

UNUSED = timedelta(hours=1)  # after which the session of a page that is not open is forgotten


class Page(gr.Blocks):
    """A ``gr.Blocks`` that corrects the inputs of events.

    A plain HTTP request may leave out the last inputs of an endpoint; they get their defaults, as in ``gradio_client``.
    So requests stay valid when an endpoint gets a new parameter. A number outside the range of a slider becomes the
    nearest one in the range, as in the browser; Gradio would report an error.
    """

    service: Service
    script: str  # of the browser, for ``launch``

    def validate_inputs(self, block_fn: Any, inputs: list) -> None:
        """Correct ``inputs`` in place, then check that none is missing."""
        missing = block_fn.inputs[len(inputs) :] if block_fn.api_visibility == "public" else []
        inputs.extend(component.value for component in missing)
        for index, (component, value) in enumerate(zip(block_fn.inputs, inputs, strict=False)):
            if isinstance(component, gr.Slider):
                near = validation.is_finite(value)
                inputs[index] = min(max(value, component.minimum), component.maximum) if near else component.value
        super().validate_inputs(block_fn, inputs)

    def shows(self, session: str, value: Any) -> bool:
        """Whether a state of a session has this very value, so that no event has written another one meanwhile."""
        if session not in self.state_holder:
            return False
        return any(state is value for state in list(self.state_holder.session_data[session].state_data.values()))

    def forget(self, session: str, keys: Collection[str] | None = None) -> bool:
        """Set the states of a session back to their first values.

        With ``keys``, this is done only if its page shows features that are stored under one of these, and only for
        this result. Returns whether anything was shown.
        """
        if session not in self.state_holder:
            return False
        states = self.state_holder.session_data[session].state_data
        if keys is None:
            states.clear()
            return True
        shown = [name for name, state in list(states.items()) if _key(state) in keys]
        timelines = [name for name, state in list(states.items()) if isinstance(state, Timeline)]
        for name in [*shown, *timelines] if shown else ():
            states.pop(name, None)
        return bool(shown)

    def forget_unused(self, is_open: Callable[[str], bool]) -> None:
        """Forget the sessions that are not open and were not used within UNUSED.

        Gradio forgets their states, but not its copy of the whole page for each of them, which takes half a megabyte.
        """
        holder, oldest = self.state_holder, datetime.now() - UNUSED  # Gradio notes the local time
        for session, last_used in list(holder.time_last_used.items()):
            if last_used < oldest and not is_open(session):
                with holder.lock:
                    if holder.time_last_used.get(session) == last_used:  # the page may have come back in this moment
                        holder.session_data.pop(session, None)
                        holder.time_last_used.pop(session, None)


def _key(state: Any) -> str | None:
    """The key of the features of an analysis; None for any other state."""
    return getattr(getattr(state, "features", None), "key", None)
