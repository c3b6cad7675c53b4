"""The choices before Analyze: the part of the recording, its tracks, the channel of its sound, and its rotation.

Tracks are listed with their language and codec, and only if a file has several of a kind.
"""

import contextlib
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component

from emorec.errors import EmorecError
from emorec.media import sandbox
from emorec.media.track_list import Track
from emorec.ui.jobs.job import PROBES
from emorec.ui.page.analysis import Analysis
from emorec.ui.wording import TURN

CHANNELS = (("Mix", "mix"), ("Left", "left"), ("Right", "right"), ("Split: one voice each", "split"))
ROTATIONS = (("As recorded", 0), ("90°", 90), ("180°", 180), ("270°", 270))
AUTOMATIC = {"audio": "Automatic: one with speech", "video": "Automatic: one with a face"}
# Names of common languages by ISO 639-2 code; other codes are shown as they are in the file.
LANGUAGES = {
    **{"ara": "Arabic", "chi": "Chinese", "zho": "Chinese", "cze": "Czech", "ces": "Czech", "dan": "Danish"},
    **{"dut": "Dutch", "nld": "Dutch", "eng": "English", "fin": "Finnish", "fre": "French", "fra": "French"},
    **{"ger": "German", "deu": "German", "gre": "Greek", "ell": "Greek", "heb": "Hebrew", "hin": "Hindi"},
    **{"hun": "Hungarian", "ind": "Indonesian", "ita": "Italian", "jav": "Javanese", "jpn": "Japanese"},
    **{"kor": "Korean", "nor": "Norwegian", "per": "Persian", "fas": "Persian", "pol": "Polish", "por": "Portuguese"},
    **{"rum": "Romanian", "ron": "Romanian", "rus": "Russian", "spa": "Spanish", "swe": "Swedish", "tha": "Thai"},
    **{"tur": "Turkish", "ukr": "Ukrainian", "vie": "Vietnamese", "amh": "Amharic"},
}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
# Puts the position of the player into the field; without a player the field does not change.
NOW = "(given) => window.emorecNow() ?? given"


def part_choices() -> dict[str, Component]:
    """The components, by name."""
    gr.HTML("<p class='caption'>These count when you press Analyze:</p>", apply_default_css=False)
    with gr.Row(elem_id="part"):
        start = _time("Start", "Where to begin, as in 75 or 1:15", "0:00", "start")
        end = _time("End", "Where to end", "end of the recording", "end")
    track = _tracks("Audio track", "audio", "track")
    video_track = _tracks("Video track", "video", "video-track")
    channel = gr.Radio(
        CHANNELS,
        value="mix",
        label="Channel",
        info="Of the sound, if each has its own speaker",
        min_width=200,
        elem_id="channel",
    )
    rotate = gr.Radio(
        ROTATIONS,
        value=0,
        label=TURN,
        info="Clockwise, if faces lie on their side or are upside down",
        min_width=200,
        elem_id="rotate",
    )
    kinds = gr.HTML(apply_default_css=False, elem_id="kinds")  # which kinds of tracks the file has, for the style sheet
    return {
        "channel": channel,
        "rotate": rotate,
        "track": track,
        "video_track": video_track,
        "start": start,
        "end": end,
        "kinds": kinds,
    }


def connect(parts: SimpleNamespace, session: SimpleNamespace, quiet: dict[str, Any]) -> None:
    """List the tracks of every recording that the player shows."""
    parts.player.change(
        show_tracks,
        session.analysis,
        [parts.choices.track, parts.choices.video_track, parts.choices.kinds],
        concurrency_limit=None,
        trigger_mode="always_last",
        **quiet,
    )


def show_tracks(analysis: Analysis) -> tuple:
    """Updates of the tracks to choose from, and what kinds of tracks there are, for the style sheet."""
    found: list[Track] = []
    if analysis.path:
        # Errors are ignored here, because Analyze reports them.
        with contextlib.suppress(EmorecError), PROBES:
            found = sandbox.read_tracks(analysis.path)
    kinds = {track.kind for track in found}
    sound = [track for track in found if track.kind == "audio"]
    facts = {
        "data-sound": kinds == {"audio"},
        "data-silent": kinds == {"video"},
        "data-mono": bool(sound) and all(track.channels == 1 for track in sound),
    }
    marks = " ".join(name for name, given in facts.items() if given)
    return _offered(found, "audio"), _offered(found, "video"), f"<i hidden {marks}></i>"


def words(track: Track) -> str:
    """A track in words: "2: German, commentary, aac, stereo"."""
    language = LANGUAGES.get(track.language.lower(), track.language)
    size = f"{track.width}×{track.height}" if track.width else LAYOUTS.get(track.channels, "")
    if not size and track.channels:
        size = f"{track.channels} channels"
    parts = ", ".join(part for part in (language, track.title, track.codec, size) if part)
    return f"{track.number}: {parts}" if parts else str(track.number)


def _offered(found: list[Track], kind: str) -> Any:
    """The update of the choice of a track of a kind."""
    own = [track for track in found if track.kind == kind]
    choices = [(AUTOMATIC[kind], 0), *((words(track), track.number) for track in own)]
    return gr.update(choices=choices, value=0, visible=len(own) > 1)


def _tracks(label: str, kind: str, elem_id: str) -> gr.Dropdown:
    return gr.Dropdown([(AUTOMATIC[kind], 0)], value=0, label=label, min_width=200, visible=False, elem_id=elem_id)


def _time(label: str, info: str, placeholder: str, elem_id: str) -> gr.Textbox:
    with gr.Column(min_width=200):
        field = gr.Textbox(label=label, info=info, placeholder=placeholder, max_lines=1, elem_id=elem_id)
        now = gr.Button(f"{label} at the player's place", size="sm", min_width=90, elem_id=f"{elem_id}-now")
    now.click(None, field, field, js=NOW, show_progress="hidden", show_progress_on=[], api_visibility="private")
    return field
