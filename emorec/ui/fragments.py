"""What the page says, as HTML: words, bars, tables. It knows no Gradio."""

import html
import mimetypes
import urllib.parse
from pathlib import Path

from emorec.emotions import COLOURS, EMOJI, EMOTIONS
from emorec.models import pretrained
from emorec.output import charts
from emorec.output.highlights import find_highlights
from emorec.output.report import trust
from emorec.output.summary import summary


def progress(words, share=None):
    """A progress bar with words above it; ``share`` is the part done (0 to 1), None if that is not known yet."""
    if share is None:
        return f'<div class="told" role="status">{words}</div><div class="bar waiting"><i></i></div>'
    percent = f"{share:.0%}"
    return (
        f'<div class="told">{percent} · {words}</div><div class="bar" role="progressbar" '
        f'aria-label="Analysis" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}">'
        f'<i style="width:{percent}"></i></div>'
    )


def clock(seconds):
    """Whole seconds as m:ss."""
    return charts.clock(round(seconds))


def callout(sentence):
    """A sentence that must be seen."""
    return f'<div class="callout" role="alert">{html.escape(sentence)}</div>'


def address_of(file):
    """Where the browser finds a file that the page may serve."""
    return html.escape("gradio_api/file=" + urllib.parse.quote(str(file)))


def player_of(file):
    """The recording as the browser plays it, or says that it cannot."""
    if not file:
        return '<div class="empty">Your recording appears here.</div>'
    name = Path(file).name
    tag = "audio" if (mimetypes.guess_type(name)[0] or "").startswith("audio/") else "video"
    return (
        f'<{tag} controls playsinline preload="metadata" src="{address_of(file)}" aria-label="{html.escape(name)}" '
        'onerror="this.hidden = true; this.nextElementSibling.hidden = false"></' + tag + ">"
        '<div class="empty" hidden>This browser cannot play the file; Analyze may read it all the same.</div>'
    )


def result(timeline):
    """Share of time of every emotion, how much all of it rests on, and the moments worth looking at."""
    figures = summary(timeline)
    facts = f'data-duration="{timeline.duration:.3f}" data-step="{timeline.step:g}"'
    facts += " data-complete" if timeline.complete else ""
    if not figures.shares:
        lacking = LACKING.get(timeline.fusion, "Neither was a face seen nor speech heard")
        return f"<div {facts}>{callout(f'{lacking}, so there is nothing to read an emotion from.')}</div>"
    tiles = {
        "Time with evidence": figures.known,
        "Face seen": figures.face,
        "Speech heard": figures.speech,
        "Average confidence": figures.confidence,
    }
    told = "".join(f"<div><dt>{name}</dt><dd>{value:.0%}</dd></div>" for name, value in tiles.items())
    shares = "".join(_bar(emotion, share) for emotion, share in figures.shares.items())
    shares += _unsure_bar(figures.unsure, timeline.unsure_below)
    prior = html.escape(timeline.prior.name)
    table = f"<table><caption>Share of the time with evidence ({prior} prior)</caption>{shares}</table>"
    body = f"{provenance(timeline.media)}{table}<dl>{told}</dl>{_moments(timeline)}"
    warned = callout(figures.warning) if figures.too_little else ""
    return f'{warned}<div class="summary" {facts}>{body}</div>'


def reading(number, face):
    """A face of a picture: its number, and a bar an emotion, the likeliest first."""
    ranked = sorted(zip(EMOTIONS, face.probabilities, strict=True), key=lambda pair: -pair[1])
    rows = "".join(_bar(emotion, share) for emotion, share in ranked)
    return f'<section class="face"><table><caption>Face {number}</caption>{rows}</table></section>'


def picture(file, faces):
    """A picture with a numbered box around every face, and beside it what each shows."""
    if not faces:
        found = callout("No face was found in this picture; try one where a face is larger or looks at the camera.")
        return f'<figure class="picture"><img src="{address_of(file)}" alt="Your picture"></figure>{found}'
    boxes = "".join(
        f'<span class="box" style="left:{left:.2%};top:{top:.2%};width:{width:.2%};height:{height:.2%};'
        f'border-color:{COLOURS[face.dominant]}"><b>{number} {EMOJI[face.dominant]}</b></span>'
        for number, face in enumerate(faces, 1)
        for left, top, width, height in [face.box]
    )
    words = "one face" if len(faces) == 1 else f"{len(faces)} faces"
    cards = "".join(reading(number, face) for number, face in enumerate(faces, 1))
    image = f'<img src="{address_of(file)}" alt="Your picture, with {words} marked">'
    return f'<div class="seen"><figure class="picture">{image}{boxes}</figure><div class="faces">{cards}</div></div>'


def about(analyzer):
    """The panel that says which weights are loaded, and what they were measured to be worth."""
    which, model = html.escape(origin(analyzer)), analyzer.model
    panel = trust(model.evaluation, model.training)
    return f'<div class="about"><p>{html.escape(WORTH)}</p><p class="origin">{which}</p>{panel}</div>'


def origin(analyzer):
    """Where the weights of an engine are from, in a sentence; of a folder only its name, for the rest is private."""
    found = analyzer.origin
    if found is None or found.folder == pretrained.BUNDLED:
        return "These are the weights that come with emorec."
    if not found.repo:
        return f"These are the weights in the folder {found.folder.resolve().name} of this machine."
    return f"These are the weights of {found.repo}@{found.revision} on the Hugging Face Hub, commit {found.commit}."


def provenance(media):
    """Title and link of a recording that a link led to; nothing for a file."""
    link = media.get("source", "")
    if not link.startswith(("http://", "https://")):
        return ""
    shown = f'<a href="{html.escape(link)}" target="_blank" rel="noopener noreferrer nofollow">{html.escape(link)}</a>'
    return f'<p class="caption provenance">{html.escape(media.get("title", ""))} · {shown}</p>'


def _bar(emotion, share):
    return (
        f'<tr><th scope="row"><span class="emoji" aria-hidden="true">{EMOJI[emotion]}</span> {emotion}</th>'
        f'<td><i style="width:{share:.1%};background:{COLOURS[emotion]}"></i></td><td>{share:.0%}</td></tr>'
    )


def _unsure_bar(share, below):
    """The row below the seven; it is not one of them."""
    return (
        f'<tr class="unsure" title="No emotion has {below:.0%} or more"><th scope="row">unsure</th>'
        f'<td><i style="width:{share:.1%}"></i></td><td>{share:.0%}</td></tr>'
    )


def _moments(timeline):
    items = "".join(
        f'<li><button type="button" data-seek="{moment.start:.3f}"><time>{charts.clock(moment.start)}</time>'
        f'<i style="background:{COLOURS[moment.emotion]}"></i><span>{html.escape(MOMENT_WORDS[moment.kind])}'
        f"{html.escape(moment.text)}</span></button></li>"
        for moment in find_highlights(timeline)
    )
    listed = f"<ol>{items}</ol>" if items else '<p class="caption">No moment stands out.</p>'
    return f'<section class="moments"><h2>Moments</h2>{listed}</section>'


MOMENT_WORDS = {"peak": "Peak: ", "shift": "Change ", "disagreement": "Face and voice differ: "}
LACKING = {"face": "No face was seen", "voice": "No speech was heard"}
WORTH = (
    "emorec names displayed expression as actors and strangers' votes named it. It cannot tell what anyone feels, and "
    "where it neither saw a face nor heard speech it says nothing at all."
)
HEADER = """<header><h1>emorec</h1>
<p>A recording in, a timeline of emotions out, read from the faces it sees and the voices it hears.
The results are estimates of displayed expression, not of what anyone feels.</p></header>"""
AWAITED = '<div class="empty">The timeline grows here.</div>'
LEGEND = (
    '<ul class="legend">'
    + "".join(f'<li><i style="background:{colour}"></i>{emotion}</li>' for emotion, colour in COLOURS.items())
    + '</ul><p class="caption">Click to go there. Fainter where the likeliest emotion has less than '
    f"{charts.CONFIDENT:.0%}, blank where there is no evidence: faint is unsure. The strips show "
    "how much of the time a face was seen and speech heard.</p>"
)
FOOTER = (
    '<p class="caption">Nothing leaves the machine that emorec runs on. What you upload is removed when you close '
    "the page, or after about an hour. What was read from it goes with it, or, if this server keeps it for a next "
    "time, when you delete your recordings here.</p>"
)
