"""The page: its components in their places, its theme and its queue; ``connections`` and ``result_connections`` connect
them to handlers.

Analyze only extracts features, which the session keeps. The timeline is drawn from them when ``revision`` or a choice
changes, so a choice takes effect at once, while the extraction is running and afterwards.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
from gradio.themes import Base
from gradio.themes.utils import colors, sizes

from emorec.analyzer import Analyzer
from emorec.ui import api, blocks, file_fragments, fragments
from emorec.ui.page import (
    controls,
    current_timeline,
    kept_edits,
    library,
    library_handlers,
    live,
    marker_panel,
    part_choices,
    recents,
    recents_connections,
    recordings,
    result_controls,
    video,
)
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.connections import AT_ONCE, MAX_WATCHED, QUIET, connect_inputs
from emorec.ui.page.followups import Followups
from emorec.ui.page.handlers import JobHandlers
from emorec.ui.page.marker_panel import MarkerHandlers, PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits, PeopleHandlers
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.page.result_connections import SAVE, connect_download, connect_results
from emorec.ui.page.result_handlers import ResultHandlers
from emorec.ui.server.limits import ANALYSES
from emorec.ui.service import Service

MAX_EVENTS = 40  # events that wait in Gradio's queue; more are refused
QUEUE_SLEEP = 0.02  # seconds between two checks of that queue; Gradio's 0.001 takes 8 % of a core while it is empty
THREADS = 2 * ANALYSES.total  # of Gradio: half of them for running analyses, half for all other events

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
SHEETS = (
    "page.css",
    "panel.css",
    "overview.css",
    "highlights.css",
    "picture.css",
    "live.css",
    "recordings.css",
    "library.css",
    "rows.css",
    "contrast.css",
)
SCRIPT_FILES = (
    "proxy.js",  # first, with answers.js, because they replace the function with which the page sends requests
    "answers.js",
    "page.js",
    "closing.js",
    "uploading.js",
    "recorder.js",
    "panel.js",
    "address.js",
    "overview.js",
    "readout.js",
    "stretch.js",
    "minutes.js",
    "rows.js",
    "highlights.js",
    "picture.js",
    "tooltip.js",
    "live.js",
    "recordings.js",
    "library.js",
    "title.js",
    "reloaded.js",
    "focus.js",  # after the scripts that set the focus themselves
)
# What the browser does not need: comments, in scripts those on lines of their own, and the indentation of scripts.
SPARE_IN_CSS = re.compile(r"/\*.*?\*/\s*", re.DOTALL)
SPARE_IN_SCRIPTS = re.compile(r"^\s*//.*\n|^\s+", re.MULTILINE)
CSS = "".join(SPARE_IN_CSS.sub("", (ASSETS / name).read_text(encoding="utf-8")) for name in SHEETS)
SCRIPTS = {name: SPARE_IN_SCRIPTS.sub("", (ASSETS / name).read_text(encoding="utf-8")) for name in SCRIPT_FILES}


def build(
    analyzer: Analyzer, example: Path | None = None, public: bool = False, library_folder: Path | None = None
) -> blocks.Page:
    """The page over a loaded Analyzer, with its ``service``.

    ``example`` is a clip that visitors may try; ``public`` is whether the page has a public link; the tab Library shows
    ``library_folder``. The server's middleware must register uploads with ``service.files`` and report open streams to
    ``service.open_pages``.
    """
    service = Service(analyzer, example, public, library=library_folder)
    # Without ``delete_cache``, which would also remove files that are in use; ``service.files`` removes the others.
    with blocks.Page(title="emorec", analytics_enabled=False) as page:
        session = SimpleNamespace(
            analysis=gr.State(Analysis()),
            revision=gr.State(0),  # a new value means that there is something else to draw
            timeline=gr.State(),
            active=gr.State(""),  # name of the checkpoint in use
            tab=gr.Textbox("file", visible=False),  # no State, because a script sets it
            rows_shown=gr.State(False),
            minutes_shown=gr.State(False),
            edited=gr.State(PeopleEdits()),  # the visitor's names, joins and divisions of persons
            marked=gr.State(PageMarkers()),  # the visitor's markers
        )
        parts = _components(analyzer, service, example, public)
        jobs, results = JobHandlers(service), ResultHandlers(service)
        parts.loaded = page.load
        handlers = RecentsHandlers(service, jobs, RecordingsHandlers(service))
        kept = kept_edits.KeptEdits(service, handlers)
        resumed = recents_connections.connect(parts, session, handlers, kept, QUIET, MAX_WATCHED)
        lists = recents.Lists(
            show=handlers.both,
            after_job=handlers.after_job,
            components=recents_connections.shown_lists(parts),
            resumed=resumed,
        )
        connect_inputs(parts, session, jobs, results, lists, kept)
        part_choices.connect(parts, session, QUIET)
        current, after_draw = current_timeline.CurrentTimeline(service, parts, session), Followups()
        drawn = connect_results(parts, session, results, PeopleHandlers(service), current, after_draw)
        marker_panel.connect(
            parts, session, MarkerHandlers(service), after_draw, AT_ONCE, connect_download, current.on_click
        )
        kept_edits.connect(session, kept, lists.components[1:], AT_ONCE)
        video.connect(parts, session, video.VideoHandlers(service), QUIET, SAVE, after_draw, current)
        after_draw.connect(drawn, AT_ONCE | current_timeline.NOT_PREPROCESSED)
        library_handlers.connect(parts, session, library_handlers.LibraryHandlers(service), QUIET)
        live.connect(parts, session, live.LiveHandlers(service), QUIET)
        page.unload(jobs.leave)
        api.add_endpoints(service)
        states = {session.edited._id, session.marked._id}
    page.service, service.forget_page, service.page_shows = service, page.forget, page.shows
    service.forget_unused = page.forget_unused
    page.script = page_script(*edits_and_downloads(page, states))
    page.queue(max_size=MAX_EVENTS)
    page._queue.sleep_when_free = QUEUE_SLEEP  # Gradio has no public setting for it
    return page


def edits_and_downloads(page: gr.Blocks, states: set[int]) -> tuple[list[int], list[int]]:
    """The numbers of the events that write one of these states, and of those that a click calls with one of them.

    The browser sends them in turn, so that no edit is lost, and a download has those that were made before the click.
    """
    edits, downloads = [], []
    for number, event in page.fns.items():
        if states & {block._id for block in event.outputs}:
            edits.append(number)
        elif "click" in {trigger for _, trigger in event.targets} and states & {block._id for block in event.inputs}:
            downloads.append(number)
    return edits, downloads


def page_script(edits: list[int], downloads: list[int]) -> str:
    """All scripts of the page as a JavaScript function; answers.js sends these events in turn."""
    arguments = {"answers.js": f"{json.dumps(edits)}, {json.dumps(downloads)}"}
    calls = (f"({script})({arguments.get(name, '')});" for name, script in SCRIPTS.items())
    return f"() => {{{''.join(calls)}}}"


def _components(analyzer: Analyzer, service: Service, example: Path | None, public: bool) -> SimpleNamespace:
    controls.markup(fragments.HEADER)
    controls.markup(fragments.NAMED_PART, elem_id="named-part")
    for notice in analyzer.notices:
        controls.markup(fragments.callout(notice))
    with gr.Row(elem_id="desk"):  # the style sheet puts its columns in their places
        with gr.Column(elem_id="entry"):
            inputs = controls.inputs(example, service.shelf is not None)
            with gr.Column(elem_id="before") as before:
                more = controls.more_choices(service.analyzers.names)
            with gr.Row(elem_id="buttons") as buttons:
                analyze = gr.Button("Analyze", variant="primary", min_width=120, elem_id="analyze")
                cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="cancel")
            status = controls.markup(elem_id="status")
        with gr.Column(elem_id="side") as side:
            player = controls.markup(file_fragments.player(None), elem_id="player")
            controls.markup(fragments.PANEL_BUTTON, elem_id="panel-button")
            with gr.Column(elem_id="panel"):
                choices = controls.choices()
        with gr.Column(elem_id="recording") as recording:
            results = result_controls.results()
    faces = controls.markup(elem_id="faces", visible=False)  # before the lists, which are long
    compared = library.comparison()
    combined = recordings.combined_panel()
    recent = recents.panel()
    deletion = result_controls.deletion()
    with gr.Accordion("What this can and cannot tell", open=False, elem_id="trust"):
        about = controls.markup(fragments.about(analyzer))
    controls.markup(fragments.privacy(public, service.shared_cache))
    return SimpleNamespace(
        inputs=inputs,
        analyze=analyze,
        cancel=cancel,
        choices=SimpleNamespace(**vars(choices), **vars(more)),
        for_recordings=[side, recording, status, before, buttons],  # hidden while the tab for pictures is open
        player=player,
        status=status,
        results=results,
        combined=combined,
        compared=compared,
        recents=recent,
        faces=faces,
        deletion=deletion,
        about=about,
    )
