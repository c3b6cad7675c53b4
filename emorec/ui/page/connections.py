"""Which event of the inputs, of Analyze, Cancel and the deletion calls which handler.

``result_connections`` connects the controls of a result.
"""

import json
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.ui.page import recents
from emorec.ui.page.handlers import FILE, JobHandlers
from emorec.ui.page.kept_edits import KeptEdits
from emorec.ui.page.recents import Lists
from emorec.ui.page.result_handlers import ResultHandlers
from emorec.ui.server.limits import ANALYSES

MAX_WATCHED = ANALYSES.total  # jobs whose progress is shown at the same time; each takes one of Gradio's threads
# The progress is shown on no component: else the browser copies all properties of each output, the chart's among them,
# several times an event, even though nothing is to be seen, and an analysis costs it half as much again.
QUIET: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "always_last"} | QUIET


def connect_inputs(
    parts: SimpleNamespace,
    session: SimpleNamespace,
    jobs: JobHandlers,
    results: ResultHandlers,
    lists: Lists,
    kept: KeptEdits,
) -> None:
    """Connect the inputs, Analyze, Cancel and the deletion."""
    inputs, choices, deletion = parts.inputs, parts.choices, parts.deletion
    for name, tab in inputs.tabs.items():
        # In the browser, because the answers of the server for two tabs could come in the wrong order.
        tab.select(None, None, [session.tab, parts.faces, *parts.for_recordings], js=_layout_of(name), **QUIET)
    sources = {FILE: inputs.file, "webcam": inputs.webcam, "microphone": inputs.microphone}
    of_recording = [choices.person, parts.results.part]
    for name, source in sources.items():
        # Not preprocessed: Gradio would open the file before the handler has checked whose it is.
        source.change(
            jobs.choose_file,
            [source, gr.State(name), session.analysis],
            [session.analysis, session.revision, parts.player, parts.status, *of_recording, inputs.file],
            preprocess=False,
            **QUIET,
        )
    inputs.picture.change(
        results.recognise_picture, inputs.picture, parts.faces, preprocess=False, concurrency_limit=None, **QUIET
    )

    buttons = [inputs.file, parts.analyze, parts.cancel]
    started = gr.on(
        [parts.analyze.click, inputs.link.submit],
        jobs.start,
        [
            session.analysis,
            inputs.link,
            session.tab,
            choices.fusion,
            choices.checkpoint,
            session.active,
            choices.track,
            choices.channel,
            choices.start,
            choices.end,
            choices.video_track,
            choices.rotate,
            inputs.file,
        ],
        [session.analysis, session.revision, choices.note, parts.status, *buttons, parts.player, *of_recording],
        preprocess=False,  # as above
        concurrency_limit=None,
        **QUIET,
    )
    job = started.success(
        jobs.run,
        None,
        [session.analysis, session.revision, parts.status, parts.player],
        concurrency_limit=MAX_WATCHED,
        **QUIET,
    )
    # ``then`` is called after every end of the job, also after it was cancelled.
    states = [session.edited, session.marked]
    job.then(
        kept.finish,
        [session.analysis, *states],
        [session.analysis, parts.status, *buttons, *states],
        concurrency_limit=None,
        **QUIET,
    ).then(lists.after_job, None, lists.components, concurrency_limit=None, **QUIET).then(
        kept.keep_all,
        [session.analysis, *states],
        [*lists.components[1:], session.analysis, session.revision, parts.status],
        concurrency_limit=None,
        **QUIET,
    )
    running = [job, lists.resumed]
    parts.cancel.click(
        jobs.cancel, None, [parts.status, parts.cancel], cancels=running, concurrency_limit=None, **QUIET
    )

    confirmation = [deletion.ask, deletion.confirm, deletion.keep]
    deletion.ask.click(
        lambda: [gr.update(visible=shown) for shown in (False, True, True)], None, confirmation, **AT_ONCE
    )
    gr.on(
        [deletion.confirm.click, deletion.keep.click],
        lambda: [gr.update(visible=shown) for shown in (True, False, False)],
        None,
        confirmation,
        **AT_ONCE,
    )
    deletion.confirm.click(
        jobs.delete,
        None,
        [
            session.analysis,
            session.revision,
            inputs.webcam,
            inputs.microphone,
            inputs.picture,
            parts.status,
            *buttons,
            parts.player,
            *of_recording,
            session.edited,
            session.marked,
            *(inputs.live.chart, inputs.live.note, inputs.live.timer),
            *(inputs.live.start, inputs.live.stop, inputs.live.save),
            inputs.link,
            parts.faces,
            parts.results.download,
        ],
        cancels=running,
        concurrency_limit=None,
        **QUIET,
    ).then(None, None, None, js=recents.DELETED, **QUIET).then(
        lists.show, None, lists.components, concurrency_limit=None, **QUIET
    )


def _layout_of(tab: str) -> str:
    """A JavaScript function that returns the name of a tab and what is visible there, in the order of the outputs."""
    for_recordings = [tab != "picture"] * 4  # the player's side, the result, the status, what is chosen before Analyze
    for_recordings[3] &= tab != "library"
    shown = [tab == "picture", *for_recordings, tab not in ("picture", "live", "library")]  # last: Analyze and Cancel
    return f"() => {json.dumps([tab, *[{'__type__': 'update', 'visible': visible} for visible in shown]])}"
