"""What the page says, as HTML: words, bars, tables. It knows no Gradio."""

import html
import mimetypes
import urllib.parse
from pathlib import Path

import numpy as np

from emorec import charts
from emorec.emotions import COLOURS, EMOJI


def progress(words, share=None):
    """A bar, moving to and fro while the share done is not known."""
    if share is None:
        return f'<div class="told" role="status">{words}</div><div class="bar waiting"><i></i></div>'
    percent = f"{share:.0%}"
    return (
        f'<div class="told">{percent} · {words}</div><div class="bar" role="progressbar" aria-label="Analysis" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}"><i style="width:{percent}"></i></div>'
    )


def clock(seconds):
    """Whole seconds as m:ss."""
    return charts.clock(round(seconds))


def callout(sentence):
    """A sentence that must be seen."""
    return f'<div class="callout" role="alert">{html.escape(sentence)}</div>'


def player_of(file):
    """The recording as the browser plays it, or says that it cannot."""
    if not file:
        return '<div class="empty">Your recording appears here.</div>'
    name = Path(file).name
    tag = "audio" if (mimetypes.guess_type(name)[0] or "").startswith("audio/") else "video"
    source = "gradio_api/file=" + urllib.parse.quote(str(file))
    return (
        f'<{tag} controls playsinline preload="metadata" src="{html.escape(source)}" aria-label="{html.escape(name)}" '
        'onerror="this.hidden = true; this.nextElementSibling.hidden = false"></' + tag + ">"
        '<div class="empty" hidden>This browser cannot play the file; Analyze may read it all the same.</div>'
    )


def summary(timeline):
    """Share of time of every emotion, and how much all of it rests on."""
    shares, known = timeline.shares()
    if not known:
        lacking = LACKING.get(timeline.fusion, "Neither was a face seen nor speech heard")
        return callout(f"{lacking}, so there is nothing to read an emotion from.")
    rows = "".join(
        f'<tr><th scope="row"><span class="emoji" aria-hidden="true">{EMOJI[emotion]}</span> {emotion}</th>'
        f'<td><i style="width:{share:.1%};background:{COLOURS[emotion]}"></i></td><td>{share:.0%}</td></tr>'
        for emotion, share in shares.items()
    )
    lengths = timeline.end - timeline.start
    figures = {
        "Time with evidence": known,
        "Face seen": np.average(timeline.face_coverage, weights=lengths),
        "Speech heard": np.average(timeline.speech_coverage, weights=lengths),
        "Average confidence": np.average(timeline.confidence[timeline.known], weights=lengths[timeline.known]),
    }
    tiles = "".join(f"<div><dt>{name}</dt><dd>{value:.0%}</dd></div>" for name, value in figures.items())
    table = f"<table><caption>Share of the time with evidence</caption>{rows}</table>"
    return f'<div class="summary">{table}<dl>{tiles}</dl></div>'


LACKING = {"face": "No face was seen", "voice": "No speech was heard"}
HEADER = """<header><h1>emorec</h1>
<p>A recording in, a timeline of emotions out, read from the faces it sees and the voices it hears.
The results are estimates of displayed expression, not of what anyone feels.</p></header>"""
LEGEND = (
    '<ul class="legend">'
    + "".join(f'<li><i style="background:{colour}"></i>{emotion}</li>' for emotion, colour in COLOURS.items())
    + f'</ul><p class="caption">Fainter where the likeliest emotion has less than {charts.CONFIDENT:.0%}, blank where '
    "there is no evidence. The strips show how much of the time a face was seen and speech heard.</p>"
)
FOOTER = (
    '<p class="caption">Nothing leaves the machine that emorec runs on. Uploads are removed after about an hour.</p>'
)
