"""The tab Live: the visitor's camera and microphone, the current emotion in words, and the chart of the last minute.

``assets/live.js`` opens the devices and sends pictures and sound to ``emorec.ui.live_route``; the chart comes from
here.
"""

from __future__ import annotations

import html
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.emotions import BY_VALENCE, COLOURS
from emorec.errors import EmorecError
from emorec.output import charts
from emorec.ui import fragments
from emorec.ui.api import user_errors
from emorec.ui.jobs import validation
from emorec.ui.page.analysis import ANYONE, BUSY, Analysis, new_revision, plot_data
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.server.limits import Visitor
from emorec.ui.service import Service

TICK = 1.0  # seconds between two updates of the chart
SPAN = 60.0  # seconds that the chart is wide

VIEW = """<div class="live"><video muted playsinline autoplay aria-label="Your camera"></video>
<p class="reading">Press Start to use the camera and the microphone.</p>
<p class="caption delay"></p></div>"""
PRIVACY = (
    "Pictures and sound are judged in memory and then forgotten. Only features and small pictures of the faces, one of "
    "each face in about 20 s, stay in memory, and nothing is written to disk until you save and download."
)
NO_PLAYER = '<div class="empty">A live session keeps no film and no sound, so there is nothing to play.</div>'
SAVED = "Saved {time} of the live session; its timeline is below."
FOUND = "The live session of {time} that ended with its page is still here; press Save in the tab Live to see it."
FOUND_HERE = "{time} of the session that ended with its page are still here; Save shows them."
UNSAVED = "unsaved"  # the script reports that Start was pressed, but the last session was not saved
ASK = "{time} of the last session are not saved. Save keeps them; Start, pressed again, removes them."
FORGOTTEN = "The last session is not kept any more; press Start again for another one."
ASKED = "data-asked"  # the script then lets the next Start begin another session
# Sentences by the word with which the script reports a problem.
PROBLEMS = {
    "denied": (
        "The browser does not let this page use the camera or the microphone; allow them beside the address, and press "
        "Start again."
    ),
    "missing": "No camera and no microphone was found; connect one, and press Start again.",
    "busy": "Another program uses the camera or the microphone; close it, and press Start again.",
    "insecure": "Browsers give the camera to secure pages only; open this page over https, or on localhost.",
}

OPEN = "async (_, ...chosen) => [await window.emorecLive.open(), ...chosen]"
RUN = "() => { window.emorecLive.run(); }"
STOP = "() => { window.emorecLive.stop(); }"


def panel() -> SimpleNamespace:
    """The components of the tab."""
    # The view must never get a new value, because the browser would lose its stream.
    gr.HTML(VIEW, apply_default_css=False, elem_id="live-view")
    with gr.Row(elem_id="live-buttons"):
        start = gr.Button("Start", variant="primary", min_width=60, elem_id="live-start")
        stop = gr.Button("Stop", interactive=False, min_width=60, elem_id="live-stop")
        save = gr.Button("Save", interactive=False, min_width=60, elem_id="live-save")
    note = gr.HTML(_note(PRIVACY), apply_default_css=False, elem_id="live-note")
    chart = gr.Plot(show_label=False, container=False, elem_id="live-chart")
    legend = gr.HTML(_legend(charts.STYLES[0]), apply_default_css=False, elem_id="live-legend")
    problem = gr.Textbox(visible=False)
    timer = gr.Timer(TICK, active=False)
    return SimpleNamespace(
        start=start, stop=stop, save=save, note=note, chart=chart, legend=legend, problem=problem, timer=timer
    )


class LiveHandlers:
    """The handlers of the tab, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service

    def start(self, problem: str, checkpoint: str, active: str, request: gr.Request) -> tuple:
        """The script has opened the devices: begin a session; or it reports a ``problem``.

        A refusal is a note and no ``gr.Error``, after which the script would not be called and would not close the
        devices.
        """
        seconds = self.service.live.unsaved(request.session_hash or "")
        if problem:
            note = fragments.callout(PROBLEMS.get(problem, PROBLEMS["missing"]))
            if problem == UNSAVED:
                words = ASK.format(time=fragments.clock(seconds)) if seconds else FORGOTTEN
                note = fragments.callout(words) + f"<i hidden {ASKED}></i>"
            return note, *_buttons(running=False, known=seconds > 0)
        visitor = Visitor.of(request)
        name = f"live {datetime.now():%Y-%m-%d %H.%M}"
        try:
            used = self.service.analyzers.choose(checkpoint, active)
            self.service.live.start(visitor, self.service.analyzers.get(used), used, name)
        except EmorecError as error:
            return fragments.callout(str(error)), *_buttons(running=False, known=seconds > 0)
        return _note(PRIVACY, visitor.session), *_buttons(running=True)

    def stop(self, request: gr.Request) -> tuple:
        """Stop was clicked: keep what is known, for Save."""
        session = request.session_hash or ""
        self.service.live.stop(session)
        return _note(PRIVACY), *_buttons(running=False, known=self.service.live.unsaved(session) > 0)

    def draw(self, fusion: str, window: float, prior: str, baseline: str, style: str, request: gr.Request) -> tuple:
        """The chart of the last minute, and the timer and the buttons, which change once the session has ended."""
        choices = {"fusion": fusion, "window": window, "prior": validation.prior(prior), "baseline": baseline}
        session, live = request.session_hash or "", self.service.live
        running = live.running(session)
        with user_errors():
            timeline = live.timeline(session, choices)
        if timeline is None:
            return gr.skip(), *_buttons(running=False)
        state = (gr.skip(),) * 4 if running else _buttons(running=False, known=live.unsaved(session) > 0)
        if not len(timeline):
            return plot_data(charts.empty_spec()), *state
        # The rest of the first minute is shown as not analysed yet.
        shown = replace(timeline, duration=max(timeline.duration, SPAN), complete=False)
        return plot_data(charts.timeline_spec(shown, style)), *state

    def save(self, analysis: Analysis, request: gr.Request) -> tuple:
        """Save was clicked: what is known becomes a result like any other."""
        if analysis.running:
            # The running job replaces the analysis that the page shows, so the saved one would be lost.
            gr.Warning(BUSY)
            return *(gr.skip(),) * 7, *self.stop(request)
        try:
            features, checkpoint = self.service.live.save(request.session_hash or "")
        except EmorecError as error:
            # The script has closed the devices already, so the session has ended.
            gr.Warning(html.escape(str(error)))
            return *(gr.skip(),) * 7, *self.stop(request)
        saved = SAVED.format(time=fragments.clock(features.duration))
        notes = "".join(fragments.callout(note) for note in features.notes)
        return (
            Analysis(title=str(features.media["name"]), checkpoint=checkpoint, features=features),
            new_revision(),
            f'<div class="words" role="status" data-live>{html.escape(saved)}</div>{notes}',
            NO_PLAYER,
            PeopleEdits(),  # without those of an earlier session
            gr.update(choices=[ANYONE], value=ANYONE[1]),
            "",  # the part that was shown of another recording
            _note(saved),  # also beside the button, because the result is below the screen
            *_buttons(running=False),
        )


def connect(parts: SimpleNamespace, session: SimpleNamespace, handlers: LiveHandlers, quiet: dict[str, Any]) -> None:
    """Connect the buttons and the timer; ``quiet`` are settings of every event."""
    live, choices = parts.inputs.live, parts.choices
    state = [live.note, live.timer, live.start, live.stop, live.save]
    live.start.click(
        handlers.start,
        [live.problem, choices.checkpoint, session.active],
        state,
        js=OPEN,
        concurrency_limit=None,
        **quiet,
    ).then(None, None, None, js=RUN, **quiet)
    live.stop.click(handlers.stop, None, state, js=STOP, concurrency_limit=None, **quiet)
    live.timer.tick(
        handlers.draw,
        [choices.fusion, choices.window, choices.prior, choices.baseline, parts.results.style],
        [live.chart, *state[1:]],
        concurrency_limit=None,
        **quiet,
    )
    parts.results.style.change(_legend, parts.results.style, live.legend, queue=False, **quiet)
    live.save.click(
        handlers.save,
        session.analysis,
        [
            session.analysis,
            session.revision,
            parts.status,
            parts.player,
            session.edited,
            choices.person,
            parts.results.part,
            *state,
        ],
        js=STOP,
        concurrency_limit=None,
        **quiet,
    )


def emptied() -> tuple:
    """Updates of the chart, the note, the timer and the buttons once nothing is known of a session any more."""
    return None, _note(PRIVACY), *_buttons(running=False)


def found_again(seconds: float | None) -> tuple:
    """Updates of the note, the timer and the buttons after a reload; ``seconds`` of the last session are still known.

    The timer draws the chart once.
    """
    if seconds is None:
        return (gr.skip(),) * 5
    time = fragments.clock(seconds)
    gr.Info(FOUND.format(time=time))
    timer, *others = _buttons(running=False, known=True)
    return _note(FOUND_HERE.format(time=time)), timer | {"active": True}, *others


def _note(sentence: str, session: str = "") -> str:
    """A sentence below the buttons, with the name of the session for the script while one runs."""
    return f'<p class="caption" data-session="{html.escape(session)}">{html.escape(sentence)}</p>'


def _legend(style: str) -> str:
    """What the colours of a chart of this style stand for."""
    colours = charts.AFFECT_COLOURS if style == charts.AFFECT else {emotion: COLOURS[emotion] for emotion in BY_VALENCE}
    keys = [f'<li class="{name}"><i style="background:{colour}"></i>{name}</li>' for name, colour in colours.items()]
    return f'<ul class="legend">{"".join(keys)}</ul>'


def _buttons(running: bool, known: bool = False) -> tuple:
    """Updates of the timer, and of Start, Stop and Save."""
    return (
        gr.update(active=running),
        gr.update(interactive=not running),
        gr.update(interactive=running),
        gr.update(interactive=running or known),
    )
