"""The components of the page, in groups. ``layout`` connects them to events."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component

from emorec import download
from emorec.inference import baseline_choice
from emorec.inference import prior as priors
from emorec.inference.timeline import DEFAULT_STEP, DEFAULT_WINDOW, STEP_RANGE
from emorec.ui.page import live
from emorec.ui.page.analysis import ANYONE

MAX_WINDOW = 10.0  # seconds; longer windows are only offered on the command line
MAX_SMOOTHING = 10.0  # seconds

EXAMPLE = "A portrait and a synthetic voice, 0:12"
FUSIONS = (
    ("Late (recommended)", "late"),
    ("Intermediate", "intermediate"),
    ("Face only", "face"),
    ("Voice only", "voice"),
)
FUSION_ADVICE = "Late weighs face and voice by their evidence; Intermediate lets one network judge both together"
PRIORS = (("Everyday", "everyday"), ("Even", "even"), ("Adaptive", "adaptive"))
BASELINES = (("Relative to the speaker", "speaker"), ("Relative to each person", "person"), ("As it is", "none"))
CHANNELS = (("Mix", "mix"), ("Left", "left"), ("Right", "right"), ("Split: one voice each", "split"))


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
            value=baseline_choice.DEFAULT,
            label="Baseline",
            info="What is usual in the recording: the speaker's voice, each person's expression too, or nothing",
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
