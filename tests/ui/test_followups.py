"""What follows a redraw is one event, whose handlers get their own inputs and write their own outputs."""

from types import SimpleNamespace

import gradio as gr
import pytest

from emorec.ui.page.current_timeline import CHOICES, CurrentTimeline
from emorec.ui.page.followups import Followups

REQUEST = SimpleNamespace(session_hash="a")


def pair(first, second):
    return second, first


def alone(request):
    return request.session_hash


def test_each_handler_has_its_own_inputs_and_outputs():
    with gr.Blocks() as page:
        one, two, three = gr.Number(), gr.Number(), gr.Textbox()
        after = Followups()
        after.add(pair, [one, two], [two, one])
        after.add(alone, [], [three])
        after.connect(one.change(lambda: None, None, None), {})
    (event,) = [each for each in page.fns.values() if each.name == "run"]
    assert (event.inputs, event.outputs) == ([one, two], [two, one, three])
    assert after.run(REQUEST, 1, 2) == (2, 1, "a")


@pytest.mark.parametrize("stream", [False, True])
def test_a_click_calls_the_handler_with_the_timeline_of_the_choices_of_that_moment(monkeypatch, stream):
    def written(kind, *, timeline, request):
        return kind, timeline, request.session_hash

    def stream_written(kind, *, timeline, request):
        yield written(kind, timeline=timeline, request=request)

    handler = stream_written if stream else written
    with gr.Blocks() as page:
        button, kind, file = gr.Button(), gr.State("csv"), gr.File()
        parts = SimpleNamespace(choices=SimpleNamespace(**{name: gr.Number() for name in CHOICES}))
        session = SimpleNamespace(**{name: gr.State() for name in ("analysis", "active", "edited", "marked")})
        current = CurrentTimeline(SimpleNamespace(), parts, session)
        monkeypatch.setattr(current, "timeline", lambda *given: given)
        current.on_click(button, handler, [kind], file)
    (event,) = page.fns.values()
    assert event.name == handler.__name__ and len(event.inputs) == 4 + len(CHOICES) + 1
    values = range(4 + len(CHOICES))
    made = event.fn(REQUEST, *values, "csv")
    assert (next(made) if stream else made) == ("csv", tuple(values), "a")
