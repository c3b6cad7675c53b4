"""The page: its components, and which event calls what.

Analyze only observes, and keeps what it has in the session. Whatever changes, the progress or a choice, draws the
timeline anew from that; so a choice counts at once, while a recording is observed as well as afterwards.
"""

from types import SimpleNamespace

import gradio as gr

from emorec.ui import api, fragments
from emorec.ui.jobs.job_queue import MOST
from emorec.ui.page import controls
from emorec.ui.page.handlers import Events
from emorec.ui.service import Service
from emorec.ui.sessions.session import Analysis

KEEP_FILES = 3600  # seconds that uploads and downloads are kept at most
SWEEP = 600  # seconds between two looks for older ones
MAX_QUEUE = 40  # visitors' requests that wait for their turn; more are turned away
MAX_WATCHED = MOST  # analyses that are waited for at a time; each of them takes one of Gradio's threads
THREADS = 2 * MOST  # that Gradio may use: for those, and for everything else
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE = {"concurrency_limit": None, "trigger_mode": "always_last"} | QUIET
# Makes the browser save the file that was just written: a link, clicked for the visitor.
SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name || ""; document.body.append(link); link.click(); link.remove();
}"""


def build(analyzer, example=None, public=False):
    """The page as ``gr.Blocks``, over a loaded ``emorec.analyzer.Analyzer``; ``example`` is a clip to try it with, and
    ``public`` tells that a link from outside leads to it.

    ``emorec.ui.server.activity.Noticing`` has to stand before it, with its ``brought`` and its ``presence``.
    """
    service = Service(analyzer, example, public)
    events = Events(service)
    with api.Page(title="emorec", analytics_enabled=False, delete_cache=(SWEEP, KEEP_FILES)) as page:
        session = SimpleNamespace(
            analysis=gr.State(Analysis()),
            revision=gr.State(0),  # changes whenever there is something else to draw
            shown=gr.State(),
            active=gr.State(""),
            tab=gr.State("file"),
            rows=gr.State(False),
        )
        controls.markup(fragments.HEADER)
        for notice in analyzer.notices:
            controls.markup(fragments.callout(notice))
        with gr.Row(elem_id="entry"):
            with gr.Column(scale=5, min_width=320):
                given = controls.inputs(example)
                with gr.Row(elem_id="buttons") as buttons:
                    analyze = gr.Button("Analyze", variant="primary", min_width=120, elem_id="analyze")
                    cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="cancel")
            with gr.Column(scale=4, min_width=320, elem_id="choices") as choosing:
                chosen = controls.choices(service.analyzers.names)
        with gr.Column(elem_id="recording") as recording:
            status = controls.markup(elem_id="status")
            shown = controls.outcome()
        faces = controls.markup(elem_id="faces", visible=False)
        erasing = controls.deletion()
        with gr.Accordion("What this can and cannot tell", open=False, elem_id="trust"):
            about = controls.markup(fragments.about(analyzer))
        controls.markup(fragments.FOOTER)

        for name, tab in given.tabs.items():
            still = name == "picture"
            tab.select(
                lambda name=name, still=still: (name, gr.update(visible=still), *[gr.update(visible=not still)] * 3),
                None,
                [session.tab, faces, choosing, recording, buttons],
                queue=False,
                **QUIET,
            )
        for source in (given.file, given.webcam, given.microphone):
            # As the browser names it: where it really is, and whose, is checked before anything opens it.
            source.change(
                events.choose,
                source,
                [session.analysis, session.revision, shown.player, status],
                preprocess=False,
                **QUIET,
            )
        given.picture.change(events.look, given.picture, faces, preprocess=False, concurrency_limit=None, **QUIET)

        switched = [status, given.file, analyze, cancel]
        ready = gr.on(
            [analyze.click, given.link.submit],
            events.begin,
            [
                session.analysis,
                given.link,
                session.tab,
                chosen.fusion,
                chosen.track,
                chosen.channel,
                chosen.start,
                chosen.end,
                chosen.video_track,
            ],
            [session.analysis, session.revision, *switched],
            concurrency_limit=None,
            **QUIET,
        )
        run = ready.success(
            events.extract,
            [session.analysis, session.active],
            [session.analysis, session.revision, status, shown.player],
            concurrency_limit=MAX_WATCHED,
            **QUIET,
        )
        # Comes after a run that ended in any way, a cancelled one too.
        run.then(events.settle, session.analysis, [session.analysis, *switched], concurrency_limit=None, **QUIET)
        cancel.click(events.stopping, None, [status, cancel], cancels=run, concurrency_limit=None, **QUIET)

        gr.on(
            [chosen.checkpoint.submit, chosen.checkpoint.blur],
            events.load,
            [chosen.checkpoint, session.active, session.analysis],
            [session.active, about, chosen.note],
            concurrency_limit=None,
            **QUIET,
        )
        changing = [chosen.fusion, chosen.step, chosen.window, chosen.smooth, chosen.person, chosen.prior, shown.style]
        gr.on(
            [
                session.revision.change,
                session.active.change,
                chosen.person.input,
                *(control.change for control in changing if control is not chosen.person),
            ],
            events.draw,
            [session.analysis, session.active, *changing, session.rows],
            [session.shown, shown.chart, shown.figures, chosen.person, shown.table],
            **AT_ONCE,
        )
        shown.accordion.expand(lambda: True, None, session.rows, queue=False, **QUIET).then(
            events.table, [session.shown, session.rows], shown.table, **AT_ONCE
        )
        shown.accordion.collapse(lambda: False, None, session.rows, queue=False, **QUIET)
        for kind, button in shown.buttons.items():
            button.click(
                events.downloader(kind),
                [session.analysis, session.active, session.shown],
                shown.carrier,
                concurrency_limit=None,
                **QUIET,
            ).success(None, shown.carrier, None, js=SAVE, **QUIET)
        asked = [erasing.ask, erasing.sure, erasing.keep]
        erasing.ask.click(lambda: [gr.update(visible=shown) for shown in (False, True, True)], None, asked, **AT_ONCE)
        gr.on(
            [erasing.sure.click, erasing.keep.click],
            lambda: [gr.update(visible=shown) for shown in (True, False, False)],
            None,
            asked,
            **AT_ONCE,
        )
        erasing.sure.click(
            events.erase,
            None,
            [
                session.analysis,
                session.revision,
                given.webcam,
                given.microphone,
                given.picture,
                *switched,
                shown.player,
                given.link,
                faces,
                shown.carrier,
            ],
            cancels=run,
            concurrency_limit=None,
            **QUIET,
        )
        page.unload(events.leave)
        api.add(service)
    page.service, page.brought, page.presence = service, service.belongings.brought, service.presence
    return page.queue(max_size=MAX_QUEUE)
