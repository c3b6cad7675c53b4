"""The components of the inputs and of the choices; ``connections`` and ``result_connections`` connect them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec import download
from emorec.inference import baseline_choice
from emorec.inference import prior as priors
from emorec.inference.timeline import DEFAULT_STEP, DEFAULT_WINDOW, STEP_RANGE
from emorec.ui import wording
from emorec.ui.page import library, live, recordings
from emorec.ui.page.analysis import ANYONE
from emorec.ui.page.part_choices import part_choices

MIN_WINDOW, MAX_WINDOW = 0.2, 10.0  # seconds; longer windows are only offered on the command line
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
BASELINES = (("Relative to the speaker", "speaker"), ("Relative to each person", "person"), ("None", "none"))


def markup(value: str | None = None, **settings: Any) -> gr.HTML:
    """A ``gr.HTML`` without Gradio's own style."""
    return gr.HTML(value, apply_default_css=False, **settings)


def inputs(example: Path | None, with_library: bool = False) -> SimpleNamespace:
    """The tabs with the inputs: file, link, picture, live; and the library, if there is one."""
    with gr.Tabs(elem_id="inputs"):
        with gr.Tab("Video or audio", id="file") as files:
            file = gr.File(label="Video or audio file", height=150, elem_id="file")
            if example:
                gr.Examples(
                    [[str(example)]], [file], label="Or try an example", example_labels=[EXAMPLE], elem_id="example"
                )
            several = recordings.panel()
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
        with gr.Tab("Library", id="library", visible=with_library) as library_tab:
            library_panel = library.panel()
    return SimpleNamespace(
        tabs={"file": files, "link": links, "picture": pictures, "live": live_tab, "library": library_tab},
        library=library_panel,
        live=live_panel,
        file=file,
        several=several,
        webcam=webcam,
        microphone=microphone,
        link=link,
        picture=picture,
    )


def choices() -> SimpleNamespace:
    """The choices that redraw the timeline without another extraction."""
    fusion = gr.Radio(FUSIONS, value="late", label="Fusion", info=FUSION_ADVICE, elem_id="fusion")
    step = gr.Slider(*STEP_RANGE, value=DEFAULT_STEP, step=0.1, label="Step", info="Seconds per row", elem_id="step")
    window = gr.Slider(
        MIN_WINDOW,
        MAX_WINDOW,
        value=DEFAULT_WINDOW,
        step=0.1,
        label="Window",
        info="Seconds of evidence per row",
        elem_id="window",
    )
    smooth = gr.Slider(
        0.0,
        MAX_SMOOTHING,
        value=0.0,
        step=0.1,
        label="Smoothing",
        info="Spread (s) of an average over time",
        elem_id="smooth",
    )
    person = gr.Dropdown(
        [ANYONE],
        value=ANYONE[1],
        label="Person",
        info="Whose face counts; known once faces were seen",
        elem_id="person",
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
    return SimpleNamespace(
        fusion=fusion, step=step, window=window, smooth=smooth, person=person, prior=prior, baseline=baseline
    )


def more_choices(checkpoints: tuple[str, ...] | None) -> SimpleNamespace:
    """The checkpoint and the part to analyse, folded.

    ``checkpoints`` are those that visitors may name, None for all on the Hub.
    """
    # Not named "choices", because a phone shows the panel of choices under that name.
    with gr.Accordion(wording.FOLD, open=False, elem_id="more"):
        part = part_choices()
        allowed = "a Hugging Face repository" if checkpoints is None else f"one of {', '.join(checkpoints)}"
        checkpoint = gr.Textbox(
            label="Checkpoint",
            info=f"This page's own weights if empty, else {allowed}",
            placeholder="org/name@revision",
            max_lines=1,
            elem_id="checkpoint",
            visible=checkpoints != (),
        )
        note = markup(elem_id="note")
    return SimpleNamespace(checkpoint=checkpoint, note=note, **part)
