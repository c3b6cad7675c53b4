"""The components of the page, in groups. ``layout`` connects them to events."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component

from emorec import download
from emorec.inference import baseline as baselines
from emorec.inference import prior as priors
from emorec.inference.timeline import DEFAULT_STEP, DEFAULT_WINDOW, STEP_RANGE
from emorec.output import tables
from emorec.output.charts import STYLES
from emorec.ui import fragments
from emorec.ui.page import live, people_panel
from emorec.ui.page.analysis import ANYONE, DOWNLOADS, MORE, PAGE_ROWS

MAX_WINDOW = 10.0  # seconds; longer windows are only offered on the command line
MAX_SMOOTHING = 10.0  # seconds

EXAMPLE = "A portrait and a synthetic voice, 0:12"
FUSIONS = (
    ("Late (recommended)", "late"),
    ("Intermediate", "intermediate"),
    ("Face only", "face"),
    ("Voice only", "voice"),
)
PAGE = f"Page, of {PAGE_ROWS} rows each; a click on a row goes there"
FUSION_ADVICE = "Late weighs face and voice by their evidence; Intermediate lets one network judge both together"
PRIORS = (("Everyday", "everyday"), ("Even", "even"), ("Adaptive", "adaptive"))
BASELINES = (("Relative", "speaker"), ("As it is", "none"))
CHANNELS = (("Mix", "mix"), ("Left", "left"), ("Right", "right"))


def markup(value: str | None = None, **settings: Any) -> gr.HTML:
    """A ``gr.HTML`` without Gradio's own style."""
    return gr.HTML(value, apply_default_css=False, **settings)


def inputs(example: Path | None) -> SimpleNamespace:
    """The tabs with the inputs: file, link, picture, live."""
    with gr.Tabs(elem_id="inputs"):
        with gr.Tab("Video or audio", id="file") as files:
            file = gr.File(label="Video or audio file", height=150, elem_id="file")
            if example:
                gr.Examples(
                    [[str(example)]], [file], label="Or try an example", example_labels=[EXAMPLE], elem_id="example"
                )
            with gr.Accordion("Or record one", open=False, elem_id="record"), gr.Row():
                # Not mirrored: Gradio would have to convert the recording.
                webcam = gr.Video(
                    label="Webcam",
                    sources=["webcam"],
                    webcam_options=gr.WebcamOptions(mirror=False),
                    height=240,
                    min_width=140,
                    elem_id="webcam",
                )
                microphone = gr.Audio(
                    label="Microphone", sources=["microphone"], type="filepath", min_width=140, elem_id="microphone"
                )
        with gr.Tab("Link", id="link", visible=download.enabled()) as links:
            link = gr.Textbox(
                label="Link",
                info="A page with a video, or a media file, on the internet; Analyze fetches it",
                placeholder="https://",
                max_lines=1,
                elem_id="link",
            )
        with gr.Tab("Picture", id="picture") as pictures:
            picture = gr.Image(
                label="Picture", sources=["upload", "webcam"], type="filepath", height=260, elem_id="picture"
            )
        with gr.Tab("Live", id="live") as live_tab:
            live_panel = live.panel()
    return SimpleNamespace(
        tabs={"file": files, "link": links, "picture": pictures, "live": live_tab},
        live=live_panel,
        file=file,
        webcam=webcam,
        microphone=microphone,
        link=link,
        picture=picture,
    )


def choices(checkpoints: tuple[str, ...] | None) -> SimpleNamespace:
    """The choices; ``checkpoints`` are those that visitors may name, None for all on the Hub.

    Except those of ``part_choices``, they redraw the timeline without another extraction.
    """
    fusion = gr.Radio(FUSIONS, value="late", label="Fusion", info=FUSION_ADVICE, elem_id="fusion")
    step = gr.Slider(*STEP_RANGE, value=DEFAULT_STEP, step=0.1, label="Step", info="Seconds per row", elem_id="step")
    with gr.Accordion("More choices", open=False, elem_id="more"):
        with gr.Row():
            window = gr.Slider(
                0.2,
                MAX_WINDOW,
                value=DEFAULT_WINDOW,
                step=0.1,
                label="Window",
                info="Seconds of evidence per row",
                min_width=200,
                elem_id="window",
            )
            smooth = gr.Slider(
                0.0,
                MAX_SMOOTHING,
                value=0.0,
                step=0.1,
                label="Smoothing",
                info="Seconds to average over",
                min_width=200,
                elem_id="smooth",
            )
        with gr.Row():
            person = gr.Dropdown(
                [ANYONE],
                value=ANYONE[1],
                label="Person",
                info="Whose face counts; known once faces were seen",
                min_width=200,
                elem_id="person",
            )
            allowed = "a Hugging Face repository" if checkpoints is None else f"one of {', '.join(checkpoints)}"
            checkpoint = gr.Textbox(
                label="Checkpoint",
                info=f"This page's own weights if empty, else {allowed}",
                placeholder="org/name@revision",
                max_lines=1,
                min_width=200,
                elem_id="checkpoint",
                visible=checkpoints != (),
            )
        prior = gr.Radio(
            PRIORS,
            value=priors.DEFAULT,
            label="Prior",
            info="How common each emotion is expected to be",
            elem_id="prior",
        )
        baseline = gr.Radio(
            BASELINES,
            value=baselines.DEFAULT,
            label="Voice",
            info="Relative to the speaker's usual voice in this recording, or as it is",
            elem_id="baseline",
        )
        note = markup(elem_id="note")
        part = part_choices()
    return SimpleNamespace(
        fusion=fusion,
        step=step,
        window=window,
        smooth=smooth,
        person=person,
        checkpoint=checkpoint,
        note=note,
        prior=prior,
        baseline=baseline,
        **part,
    )


def part_choices() -> dict[str, Component]:
    """The choices of the part of a recording to analyse, by name."""
    markup("<p class='caption'>These count when you press Analyze:</p>")
    with gr.Row():
        channel = gr.Radio(
            CHANNELS,
            value="mix",
            label="Channel",
            info="Of the sound, if each has its own speaker",
            min_width=200,
            elem_id="channel",
        )
        track = gr.Number(
            0,
            label="Audio track",
            info="From 1; 0 takes one with speech",
            precision=0,
            minimum=0,
            min_width=200,
            elem_id="track",
        )
        video_track = gr.Number(
            0,
            label="Video track",
            info="From 1; 0 takes one with a face",
            precision=0,
            minimum=0,
            min_width=200,
            elem_id="video-track",
        )
    with gr.Row():
        start = gr.Textbox(
            label="Start",
            info="Where to begin, as in 75 or 1:15",
            placeholder="0:00",
            max_lines=1,
            min_width=200,
            elem_id="start",
        )
        end = gr.Textbox(
            label="End",
            info="Where to end",
            placeholder="end of the recording",
            max_lines=1,
            min_width=200,
            elem_id="end",
        )
    return {"channel": channel, "track": track, "video_track": video_track, "start": start, "end": end}


def deletion() -> SimpleNamespace:
    """The button for deletion, and the two buttons of its confirmation."""
    with gr.Row(elem_id="erasing"):
        ask = gr.Button("Delete my recordings", size="sm", min_width=90, elem_id="erase")
        sure = gr.Button(
            "Delete recordings and results for good",
            variant="stop",
            size="sm",
            min_width=90,
            visible=False,
            elem_id="erase-sure",
        )
        keep = gr.Button("Keep them", size="sm", min_width=90, visible=False, elem_id="erase-keep")
    return SimpleNamespace(ask=ask, confirm=sure, keep=keep)


def results() -> SimpleNamespace:
    """The player, the timeline, and below them the summary, the table and the downloads."""
    with gr.Row(elem_id="stage"):
        with gr.Column(scale=2, min_width=300):
            player = markup(fragments.player(None), elem_id="player")
        with gr.Column(scale=3, min_width=300):
            # The style sheet shows one of the two; changing ``visible`` instead would make Gradio rebuild the chart.
            markup(fragments.PLACEHOLDER, elem_id="awaited")
            with gr.Column(elem_id="results"):
                overview = markup(elem_id="overview")
                # The scripts write into it; a hidden component would not be in the page.
                part = gr.Textbox(show_label=False, container=False, max_lines=1, elem_id="range")
                chart = gr.Plot(show_label=False, container=False, elem_id="timeline")
                markup('<p role="status"></p>', elem_id="readout")
                legend = markup(fragments.legend(STYLES[0]), elem_id="legend")
                style = gr.Radio(
                    [(name.replace("_", " and ").capitalize(), name) for name in STYLES],
                    value=STYLES[0],
                    show_label=False,
                    container=False,
                    label="Chart",
                    elem_id="style",
                )
                only = gr.Checkbox(
                    False, label="Summary and downloads of the shown part only", container=False, elem_id="only"
                )
    panel = people_panel.people()
    summary = markup(elem_id="summary")
    with gr.Accordion("Every minute", open=False, elem_id="every-minute"):
        minutes = markup(elem_id="minutes")
    with gr.Accordion("Every row", open=False, elem_id="every") as accordion:
        page = gr.Slider(1, 2, value=1, step=1, label=PAGE, visible=False, elem_id="rows-page")
        table = gr.Dataframe(
            headers=list(tables.COLUMNS), interactive=False, show_label=False, max_height=420, elem_id="rows"
        )
    with gr.Row(elem_id="downloads"):
        buttons = {
            kind: gr.Button(words, size="sm", min_width=90, elem_id=kind) for kind, (_, words) in DOWNLOADS.items()
        }
        with gr.Row(elem_id="more"):
            more = gr.Dropdown(
                [(words, kind) for kind, (_, words) in MORE.items()],
                value=next(iter(MORE)),
                show_label=False,
                container=False,
                label="Another format",
                min_width=200,
                elem_id="more-format",
            )
            save_more = gr.Button("Download", size="sm", min_width=90, elem_id="more-save")
    download = gr.File(label="Download", elem_id="carrier")
    return SimpleNamespace(
        player=player,
        chart=chart,
        legend=legend,
        style=style,
        overview=overview,
        part=part,
        only=only,
        people=panel,
        summary=summary,
        minutes=minutes,
        accordion=accordion,
        page=page,
        table=table,
        buttons=buttons,
        more=more,
        save_more=save_more,
        download=download,
    )
