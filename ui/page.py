"""The page: its components, and which event calls what.

Analyze only observes, and keeps what it has in the session. Whatever changes, the progress or a choice, draws the
timeline anew from that; so a choice counts at once, while a recording is observed as well as afterwards.
"""

from types import SimpleNamespace

import gradio as gr

from emorec import exports, source
from emorec.charts import STYLES
from emorec.timeline import DEFAULT_STEP, DEFAULT_WINDOW, STEP_RANGE
from ui import api, downloads, parts
from ui.events import Events
from ui.service import Service
from ui.session import ANYONE, Analysis
from ui.turns import MOST

KEEP_FILES = 3600  # seconds that uploads and downloads are kept at most
SWEEP = 600  # seconds between two looks for older ones
MAX_QUEUE = 40  # visitors' requests that wait for their turn; more are turned away
MAX_WATCHED = MOST  # analyses that are waited for at a time; each of them takes one of Gradio's threads
THREADS = 2 * MOST  # that Gradio may use: for those, and for everything else
LONGEST_WINDOW = 10.0  # seconds; longer ones make sense on a command line only
LONGEST_SMOOTHING = 10.0

EXAMPLE = "A portrait and a synthetic voice, 0:12"
FUSIONS = (("Late", "late"), ("Intermediate", "intermediate"), ("Face only", "face"), ("Voice only", "voice"))
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE = {"concurrency_limit": None, "trigger_mode": "always_last"} | QUIET
# Makes the browser save the file that was just written: a link, clicked for the visitor.
SAVE = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name || ""; document.body.append(link); link.click(); link.remove();
}"""


def build(engine, example=None, public=False):
    """The page as ``gr.Blocks``, over a loaded ``emorec.engine.Engine``; ``example`` is a clip to try it with, and
    ``public`` tells that a link from outside leads to it.

    ``ui.noticing.Noticing`` has to stand before it, with its ``brought`` and its ``presence``.
    """
    service = Service(engine, example, public)
    events = Events(service)
    with gr.Blocks(title="emorec", analytics_enabled=False, delete_cache=(SWEEP, KEEP_FILES)) as page:
        session = SimpleNamespace(
            analysis=gr.State(Analysis()), shown=gr.State(), active=gr.State(""), tab=gr.State("file"),
            rows=gr.State(False),
        )  # fmt: skip
        markup(parts.HEADER)
        for notice in engine.notices:
            markup(parts.callout(notice))
        with gr.Row(elem_id="entry"):
            with gr.Column(scale=5, min_width=320):
                given = inputs(example)
                with gr.Row(elem_id="buttons") as buttons:
                    analyze = gr.Button("Analyze", variant="primary", min_width=120, elem_id="analyze")
                    cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="cancel")
            with gr.Column(scale=4, min_width=320, elem_id="choices") as choosing:
                chosen = choices(service.engines.names)
        with gr.Column(elem_id="recording") as recording:
            status = markup(elem_id="status")
            shown = outcome()
        faces = markup(elem_id="faces", visible=False)
        erasing = deletion()
        with gr.Accordion("What this can and cannot tell", open=False, elem_id="trust"):
            about = markup(parts.about(engine))
        markup(parts.FOOTER)

        for name, tab in given.tabs.items():
            still = name == "picture"
            tab.select(
                lambda name=name, still=still: (name, gr.update(visible=still), *[gr.update(visible=not still)] * 3),
                None, [session.tab, faces, choosing, recording, buttons], queue=False, **QUIET,
            )  # fmt: skip
        for source in (given.file, given.webcam, given.microphone):
            # As the browser names it: where it really is, and whose, is checked before anything opens it.
            source.change(
                events.choose, source, [session.analysis, shown.player, status, chosen.person], preprocess=False,
                **QUIET,
            )  # fmt: skip
        given.picture.change(events.look, given.picture, faces, preprocess=False, concurrency_limit=None, **QUIET)

        switched = [status, given.file, analyze, cancel]
        ready = gr.on(
            [analyze.click, given.link.submit], events.begin,
            [session.analysis, given.link, session.tab, chosen.fusion],
            [session.analysis, *switched], concurrency_limit=None, **QUIET,
        )  # fmt: skip
        run = ready.success(
            events.observe, [session.analysis, session.active], [session.analysis, status, shown.player],
            concurrency_limit=MAX_WATCHED, **QUIET,
        )  # fmt: skip
        # Comes after a run that ended in any way, a cancelled one too.
        run.then(events.settle, session.analysis, [session.analysis, *switched], concurrency_limit=None, **QUIET)
        cancel.click(events.stopping, None, [status, cancel], cancels=run, concurrency_limit=None, **QUIET)

        gr.on([chosen.checkpoint.submit, chosen.checkpoint.blur], events.load,
              [chosen.checkpoint, session.active, session.analysis], [session.active, about, chosen.note],
              concurrency_limit=None, **QUIET)  # fmt: skip
        controls = [chosen.fusion, chosen.step, chosen.window, chosen.smooth, chosen.person, shown.style]
        gr.on(
            [status.change, session.active.change, chosen.person.input, *(control.change for control in controls
                                                                         if control is not chosen.person)],
            events.draw, [session.analysis, session.active, *controls, session.rows],
            [session.shown, shown.chart, shown.figures, chosen.person, shown.table], **AT_ONCE,
        )  # fmt: skip
        shown.accordion.expand(lambda: True, None, session.rows, queue=False, **QUIET).then(
            events.table, [session.shown, session.rows], shown.table, **AT_ONCE
        )
        shown.accordion.collapse(lambda: False, None, session.rows, queue=False, **QUIET)
        for kind, button in shown.buttons.items():
            button.click(
                events.downloader(kind), [session.analysis, session.active, session.shown], shown.carrier,
                concurrency_limit=None, **QUIET,
            ).success(None, shown.carrier, None, js=SAVE, **QUIET)  # fmt: skip
        asked = [erasing.ask, erasing.sure, erasing.keep]
        erasing.ask.click(lambda: [gr.update(visible=shown) for shown in (False, True, True)], None, asked, **AT_ONCE)
        gr.on([erasing.sure.click, erasing.keep.click],
              lambda: [gr.update(visible=shown) for shown in (True, False, False)], None, asked, **AT_ONCE)  # fmt: skip
        erasing.sure.click(
            events.erase, None,
            [session.analysis, session.shown, given.webcam, given.microphone, given.picture, *switched, shown.player,
             shown.chart, shown.figures, chosen.person, given.link, shown.table, faces, shown.carrier],
            cancels=run, concurrency_limit=None, **QUIET,
        )  # fmt: skip
        page.unload(events.leave)
        api.add(service)
    page.service, page.brought, page.presence = service, service.belongings.brought, service.presence
    return page.queue(max_size=MAX_QUEUE)


def markup(value=None, **settings):
    """A ``gr.HTML`` that only this page's own style applies to."""
    return gr.HTML(value, apply_default_css=False, **settings)


def inputs(example):
    """The tabs that something to analyse comes in through."""
    with gr.Tabs(elem_id="inputs"):
        with gr.Tab("Video or audio", id="file") as files:
            file = gr.File(label="Video or audio file", height=150, elem_id="file")
            if example:
                gr.Examples(
                    [[str(example)]], [file], label="Or try an example", example_labels=[EXAMPLE], elem_id="example"
                )
            with gr.Accordion("Or record one", open=False, elem_id="record"), gr.Row():
                # Mirrored recordings would have to be converted first.
                webcam = gr.Video(
                    label="Webcam", sources=["webcam"], webcam_options=gr.WebcamOptions(mirror=False), height=240,
                    min_width=140, elem_id="webcam",
                )  # fmt: skip
                microphone = gr.Audio(
                    label="Microphone", sources=["microphone"], type="filepath", min_width=140, elem_id="microphone"
                )
        with gr.Tab("Link", id="link", visible=source.enabled()) as links:
            link = gr.Textbox(
                label="Link", info="A page with a video, or a media file, on the internet; Analyze fetches it",
                placeholder="https://", max_lines=1, elem_id="link",
            )  # fmt: skip
        with gr.Tab("Picture", id="picture") as pictures:
            picture = gr.Image(
                label="Picture", sources=["upload", "webcam"], type="filepath", height=260, elem_id="picture"
            )
    return SimpleNamespace(
        tabs={"file": files, "link": links, "picture": pictures},
        file=file, webcam=webcam, microphone=microphone, link=link, picture=picture,
    )  # fmt: skip


def choices(checkpoints):
    """What can be changed without observing again; ``checkpoints`` may be chosen, None for any on the Hub."""
    fusion = gr.Radio(FUSIONS, value="late", label="Fusion", info="How face and voice are combined", elem_id="fusion")
    step = gr.Slider(*STEP_RANGE, value=DEFAULT_STEP, step=0.1, label="Step", info="Seconds per row", elem_id="step")
    with gr.Accordion("More choices", open=False, elem_id="more"):
        with gr.Row():
            window = gr.Slider(
                0.2, LONGEST_WINDOW, value=DEFAULT_WINDOW, step=0.1, label="Window", info="Seconds of evidence per row",
                min_width=200, elem_id="window",
            )  # fmt: skip
            smooth = gr.Slider(
                0.0, LONGEST_SMOOTHING, value=0.0, step=0.1, label="Smoothing", info="Seconds to average over",
                min_width=200, elem_id="smooth",
            )  # fmt: skip
        with gr.Row():
            person = gr.Dropdown(
                [ANYONE], value=ANYONE[1], label="Person", info="Whose face counts; known once faces were seen",
                min_width=200, elem_id="person",
            )  # fmt: skip
            wanted = "a Hugging Face repository" if checkpoints is None else f"one of {', '.join(checkpoints)}"
            checkpoint = gr.Textbox(
                label="Checkpoint", info=f"This page's own weights if empty, else {wanted}",
                placeholder="org/name@revision", max_lines=1, min_width=200, elem_id="checkpoint",
                visible=checkpoints != (),
            )  # fmt: skip
        note = markup(elem_id="note")
    return SimpleNamespace(
        fusion=fusion, step=step, window=window, smooth=smooth, person=person, checkpoint=checkpoint, note=note
    )  # fmt: skip


def deletion():
    """A button that asks back, and the two answers."""
    with gr.Row(elem_id="erasing"):
        ask = gr.Button("Delete my recordings", size="sm", min_width=90, elem_id="erase")
        sure = gr.Button(
            "Delete recordings and results for good", variant="stop", size="sm", min_width=90, visible=False,
            elem_id="erase-sure",
        )  # fmt: skip
        keep = gr.Button("Keep them", size="sm", min_width=90, visible=False, elem_id="erase-keep")
    return SimpleNamespace(ask=ask, sure=sure, keep=keep)


def outcome():
    """The player beside the timeline, and below them what the timeline comes to."""
    with gr.Row(elem_id="stage"):
        with gr.Column(scale=2, min_width=300):
            player = markup(parts.player_of(None), elem_id="player")
        with gr.Column(scale=3, min_width=300):
            # The style sheet shows one of the two: as a block's property, each change would cost the browser dearly.
            markup(parts.AWAITED, elem_id="awaited")
            with gr.Column(elem_id="results"):
                chart = gr.Plot(show_label=False, container=False, elem_id="timeline")
                markup(parts.LEGEND)
                style = gr.Radio(
                    [(name.capitalize(), name) for name in STYLES], value=STYLES[0], show_label=False, container=False,
                    label="Chart", elem_id="style",
                )  # fmt: skip
    figures = markup(elem_id="summary")
    with gr.Accordion("Every row", open=False, elem_id="every") as accordion:
        table = gr.Dataframe(
            headers=list(exports.COLUMNS), interactive=False, show_label=False, max_height=420, elem_id="rows"
        )
    with gr.Row(elem_id="downloads"):
        buttons = {
            kind: gr.Button(words, size="sm", min_width=90, elem_id=kind)
            for kind, (_, words) in downloads.KINDS.items()
        }
    carrier = gr.File(label="Download", elem_id="carrier")
    return SimpleNamespace(
        player=player, chart=chart, style=style, figures=figures, accordion=accordion,
        table=table, buttons=buttons, carrier=carrier,
    )  # fmt: skip
