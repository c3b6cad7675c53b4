"""Sentences of the library in the words of the page: an option of the command line is the page's own choice."""

import re

TURN = "Turn the picture"  # the label of the choice that is the command line's --rotate
FOLD = "Details of the recording"  # the name of the choices before Analyze
PLACE = f"under {FOLD}"
WORDS = (
    (r"choose --rotate 0\b", f'choose As recorded for "{TURN}" {PLACE}, and press Analyze again'),
    (r"choose --rotate (\d+)", rf'choose \1° for "{TURN}" {PLACE}, and press Analyze again'),
    ("--audio_track chooses", f'"Audio track" {PLACE} chooses'),
    ("--video_track chooses", f'"Video track" {PLACE} chooses'),
    (r"choose no baseline\b", 'choose None for "Baseline"'),
    ("leave out --save_video, or give a video", "choose a video"),
    ("leave out --blur if", "choose Video with boxes if"),
    ("--channel mix suits", f'Mix for "Channel" {PLACE} suits'),
)


def on_page(sentence: str) -> str:
    """A sentence with the choices of the page in place of options of the command line."""
    for option, words in WORDS:
        sentence = re.sub(option, words, sentence)
    return sentence
