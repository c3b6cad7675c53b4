"""Which event of a result's controls calls which handler: the choices, the table, the downloads and the people."""

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.ui import fragments
from emorec.ui.page.connections import AT_ONCE, QUIET
from emorec.ui.page.current_timeline import NOT_PREPROCESSED, CurrentTimeline
from emorec.ui.page.followups import Followups
from emorec.ui.page.people_handlers import NAME_OF, PeopleHandlers
from emorec.ui.page.result_handlers import ResultHandlers

# Makes the browser save a download, by a click on a link.
SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name || ""; document.body.append(link); link.click(); link.remove();
}"""


def connect_results(
    parts: SimpleNamespace,
    session: SimpleNamespace,
    handlers: ResultHandlers,
    people: PeopleHandlers,
    current: CurrentTimeline,
    after_draw: Followups,
) -> Any:
    """Connect the choices, the table, the downloads and the panel of people; returns the event of each redraw.

    What is shown after a redraw is added to ``after_draw``.
    """
    choices, results = parts.choices, parts.results
    gr.on(
        [choices.checkpoint.submit, choices.checkpoint.blur],
        handlers.choose_checkpoint,
        [choices.checkpoint, session.active, session.analysis],
        [session.active, parts.about, choices.note],
        concurrency_limit=None,
        **QUIET,
    )
    changed = [choices.fusion, choices.step, choices.window, choices.smooth, choices.prior, choices.baseline]
    drawn = gr.on(
        [
            session.revision.change,
            session.active.change,
            session.edited.change,
            session.marked.change,
            choices.person.input,  # not ``change``: ``draw`` itself changes the choice
            *(control.change for control in changed),
        ],
        handlers.draw,
        [
            session.analysis,
            session.active,
            choices.fusion,
            choices.step,
            choices.window,
            choices.smooth,
            choices.person,
            choices.prior,
            choices.baseline,
            results.style,
            results.part,
            results.only,
            session.rows_shown,
            session.edited,
            session.marked,
        ],
        [
            session.timeline,
            results.chart,
            results.warnings,
            results.summary,
            choices.person,
            results.table,
            results.page,
            results.overview,
        ],
        **(AT_ONCE | NOT_PREPROCESSED),
    )
    gr.on(
        # A script sets the part; Gradio reports this as ``change``, not as ``input``.
        [results.part.change, results.only.input, results.style.change],
        handlers.change_part,
        [
            session.analysis,
            session.edited,
            session.timeline,
            results.style,
            results.part,
            results.only,
            session.rows_shown,
        ],
        [results.chart, results.warnings, results.summary, results.table, results.page],
        **AT_ONCE,
    )
    after_draw.add(
        handlers.below,
        [session.timeline, session.analysis, session.edited, session.minutes_shown],
        [results.highlights, results.minutes],
    )
    connect_people(parts, session, people, after_draw)
    results.style.change(fragments.legend, results.style, results.legend, queue=False, **QUIET)
    results.accordion.expand(lambda: True, None, session.rows_shown, queue=False, **QUIET).then(
        handlers.shown_table,
        [session.timeline, results.part, results.only, session.rows_shown],
        [results.table, results.page],
        **AT_ONCE,
    )
    results.page.input(
        handlers.shown_table,
        [session.timeline, results.part, results.only, session.rows_shown, results.page],
        [results.table, results.page],
        **AT_ONCE,
    )
    results.each_minute.expand(lambda: True, None, session.minutes_shown, queue=False, **QUIET).then(
        handlers.shown_minutes, [session.timeline, session.minutes_shown], results.minutes, **AT_ONCE
    )
    # The table of a day has 50,000 elements, which would slow down every change of the page while they are hidden.
    results.each_minute.collapse(
        lambda: (False, ""), None, [session.minutes_shown, results.minutes], queue=False, **QUIET
    )
    results.accordion.collapse(lambda: False, None, session.rows_shown, queue=False, **QUIET)
    shown = [session.analysis, session.active, results.part, results.only, session.edited]
    buttons = [
        *((gr.State(kind), button) for kind, button in results.buttons.items()),
        (results.more, results.save_more),
    ]
    for kind, button in buttons:
        connect_download(
            functools.partial(current.on_click, button), handlers.download, [kind, *shown], results.download
        )
    return drawn


def connect_download(click: Callable[..., Any], handler: Any, inputs: list[Any], file: gr.File) -> None:
    """Connect the ``click`` on a button to the handler that writes a file; the browser saves it through ``file``."""
    click(handler, inputs, file, concurrency_limit=None, **QUIET).success(None, file, None, js=SAVE, **QUIET)


def connect_people(
    parts: SimpleNamespace, session: SimpleNamespace, handlers: PeopleHandlers, after_draw: Followups
) -> None:
    """Connect the panel of people, which is shown anew after each redraw."""
    panel = parts.results.people
    known, chosen = [session.analysis, session.edited], [session.analysis, session.edited, panel.who]
    details = [panel.other, panel.stretches]
    after_draw.add(
        handlers.show,
        [*chosen, *details, panel.shows],
        [panel.panel, panel.cards, panel.who, *details, panel.name, panel.shows],
    )
    at_once = AT_ONCE | NOT_PREPROCESSED
    # Not two events of one choice: where Gradio repeats one of them later, it repeats both, and what was typed is lost.
    panel.who.input(None, panel.who, panel.name, js=NAME_OF, **QUIET).then(handlers.details, chosen, details, **at_once)
    # Each name counts, with the values of its own moment, also one before the latest. The browser sends them in turn.
    each = at_once | {"trigger_mode": "multiple"}
    # The second click of a double click would join or divide what the first one has already joined or divided.
    first = at_once | {"trigger_mode": "once"}
    panel.name.submit(handlers.rename, [*chosen, panel.name], [session.edited, panel.shows], **each)
    # Not a second event for the details: until it came, the choice would be a person who was joined.
    panel.join.click(
        handlers.join, [*chosen, panel.other], [session.edited, panel.who, panel.shows, panel.name, *details], **first
    )
    panel.divide.click(handlers.divide, [*chosen, panel.stretches], session.edited, **first)
    panel.reset.click(handlers.reset, [session.analysis, panel.who], [session.edited, panel.name, panel.shows], **each)
    panel.load.upload(  # not preprocessed: the handler first checks whose the file is
        handlers.load,
        [panel.load, *chosen],
        [session.edited, panel.name, *details],
        concurrency_limit=None,
        **(QUIET | NOT_PREPROCESSED),
    )
    connect_download(panel.save.click, handlers.save, known, parts.results.download)
