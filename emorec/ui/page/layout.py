"""The page: its components, and which event calls which handler.

Analyze only extracts features, which the session keeps. The timeline is drawn from them when ``revision`` or a choice
changes, so a choice takes effect at once, while the extraction is running and afterwards.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.themes import Base
from gradio.themes.utils import colors, sizes

from emorec.analyzer import Analyzer
from emorec.ui import api, fragments
from emorec.ui.page import controls
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.result_handlers import ResultHandlers
from emorec.ui.server.limits import ANALYSES
from emorec.ui.service import Service

KEEP_FILES = 3600  # seconds before Gradio removes uploads and downloads
SWEEP = 600  # seconds between two removals
MAX_EVENTS = 40  # events that wait in Gradio's queue; more are refused
MAX_WATCHED = ANALYSES.total  # jobs that are watched at the same time; each takes one of Gradio's threads
THREADS = 2 * ANALYSES.total  # of Gradio: for these, and for all other events
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "always_last"} | QUIET
# Makes the browser save a download, by a click on a link.
SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name || ""; document.body.append(link); link.click(); link.remove();
}"""

THEME = Base(
    primary_hue=colors.blue,
    neutral_hue=colors.slate,
    radius_size=sizes.radius_lg,
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(
    body_text_color_subdued="*neutral_500",
    body_text_color_subdued_dark="*neutral_400",
    block_info_text_color="*neutral_500",
    block_info_text_color_dark="*neutral_400",
    # White on primary_500, and primary_500 on white, have a contrast of 3.7 to 1; text needs 4.5.
    color_accent="*primary_600",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_hover_dark="*primary_700",
)
ASSETS = Path(__file__).parent / "assets"
CSS = (ASSETS / "page.css").read_text(encoding="utf-8")
JS = (ASSETS / "page.js").read_text(encoding="utf-8")


def build(analyzer: Analyzer, example: Path | None = None, public: bool = False) -> api.Page:
    """The page over a loaded Analyzer, with its ``service``.

    ``example`` is a clip that visitors may try; ``public`` says that there is a public link to the page. Middleware has
    to register uploads with ``service.files`` and to report open streams to ``service.presence``.
    """
    service = Service(analyzer, example, public)
    with api.Page(title="emorec", analytics_enabled=False, delete_cache=(SWEEP, KEEP_FILES)) as page:
        session = SimpleNamespace(
            analysis=gr.State(Analysis()),
            revision=gr.State(0),  # a new value means that there is something else to draw
            timeline=gr.State(),
            active=gr.State(""),  # name of the checkpoint in use
            tab=gr.State("file"),
            rows_shown=gr.State(False),
        )
        parts = _components(analyzer, service, example)
        jobs, results = JobHandlers(service), ResultHandlers(service)
        _connect_inputs(parts, session, jobs, results)
        _connect_results(parts, session, results)
        page.unload(jobs.leave)
        api.add_endpoints(service)
    page.service = service
    page.queue(max_size=MAX_EVENTS)
    return page


def _components(analyzer: Analyzer, service: Service, example: Path | None) -> SimpleNamespace:
    controls.markup(fragments.HEADER)
    for notice in analyzer.notices:
        controls.markup(fragments.callout(notice))
    with gr.Row(elem_id="entry"):
        with gr.Column(scale=5, min_width=320):
            inputs = controls.inputs(example)
            with gr.Row(elem_id="buttons") as buttons:
                analyze = gr.Button("Analyze", variant="primary", min_width=120, elem_id="analyze")
                cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="cancel")
        with gr.Column(scale=4, min_width=320, elem_id="choices") as choices_column:
            choices = controls.choices(service.analyzers.names)
    with gr.Column(elem_id="recording") as recording_column:
        status = controls.markup(elem_id="status")
        results = controls.results()
    faces = controls.markup(elem_id="faces", visible=False)
    deletion = controls.deletion()
    with gr.Accordion("What this can and cannot tell", open=False, elem_id="trust"):
        about = controls.markup(fragments.about(analyzer))
    controls.markup(fragments.FOOTER)
    return SimpleNamespace(
        inputs=inputs,
        analyze=analyze,
        cancel=cancel,
        choices=choices,
        for_recordings=[choices_column, recording_column, buttons],  # hidden while the tab for pictures is open
        status=status,
        results=results,
        faces=faces,
        deletion=deletion,
        about=about,
    )


def _connect_inputs(
    parts: SimpleNamespace, session: SimpleNamespace, jobs: JobHandlers, results: ResultHandlers
) -> None:
    """Connect the inputs, Analyze, Cancel and the deletion."""
    inputs, choices, deletion = parts.inputs, parts.choices, parts.deletion
    for name, tab in inputs.tabs.items():
        is_picture = name == "picture"
        updates = [name, gr.update(visible=is_picture), *[gr.update(visible=not is_picture)] * 3]
        tab.select(
            lambda updates=updates: updates,
            None,
            [session.tab, parts.faces, *parts.for_recordings],
            queue=False,
            **QUIET,
        )
    for source in (inputs.file, inputs.webcam, inputs.microphone):
        # Not preprocessed: Gradio would open the file before the handler has checked whose it is.
        source.change(
            jobs.choose_file,
            source,
            [session.analysis, session.revision, parts.results.player, parts.status, choices.person],
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
        ],
        [session.analysis, session.revision, choices.note, parts.status, *buttons],
        concurrency_limit=None,
        **QUIET,
    )
    job = started.success(
        jobs.run,
        [session.analysis, session.active],
        [session.analysis, session.revision, parts.status, parts.results.player],
        concurrency_limit=MAX_WATCHED,
        **QUIET,
    )
    # ``then`` is called when the job ended in any way, also when it was cancelled.
    job.then(jobs.finish, session.analysis, [session.analysis, parts.status, *buttons], concurrency_limit=None, **QUIET)
    parts.cancel.click(jobs.cancel, None, [parts.status, parts.cancel], cancels=job, concurrency_limit=None, **QUIET)

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
            parts.results.player,
            choices.person,
            inputs.link,
            parts.faces,
            parts.results.download,
        ],
        cancels=job,
        concurrency_limit=None,
        **QUIET,
    )


def _connect_results(parts: SimpleNamespace, session: SimpleNamespace, handlers: ResultHandlers) -> None:
    """Connect the choices, the table and the downloads."""
    choices, results = parts.choices, parts.results
    gr.on(
        [choices.checkpoint.submit, choices.checkpoint.blur],
        handlers.choose_checkpoint,
        [choices.checkpoint, session.active, session.analysis],
        [session.active, parts.about, choices.note],
        concurrency_limit=None,
        **QUIET,
    )
    changed = [choices.fusion, choices.step, choices.window, choices.smooth, choices.prior, results.style]
    gr.on(
        [
            session.revision.change,
            session.active.change,
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
            results.style,
            session.rows_shown,
        ],
        [session.timeline, results.chart, results.summary, choices.person, results.table],
        **AT_ONCE,
    )
    results.style.change(fragments.legend, results.style, results.legend, queue=False, **QUIET)
    results.accordion.expand(lambda: True, None, session.rows_shown, queue=False, **QUIET).then(
        handlers.table, [session.timeline, session.rows_shown], results.table, **AT_ONCE
    )
    results.accordion.collapse(lambda: False, None, session.rows_shown, queue=False, **QUIET)
    for kind, button in results.buttons.items():
        button.click(
            handlers.downloader(kind),
            [session.analysis, session.active, session.timeline],
            results.download,
            concurrency_limit=None,
            **QUIET,
        ).success(None, results.download, None, js=SAVE, **QUIET)
