"""The HTML of the page: text, bars, tables. It does not import Gradio."""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass

from emorec.affect import SOURCE
from emorec.analyzer import Analyzer
from emorec.emotions import BY_VALENCE, COLOURS, EMOJI
from emorec.inference import people as persons
from emorec.inference import usual_expression
from emorec.inference.timeline import Timeline
from emorec.models import pretrained
from emorec.output import charts, trust
from emorec.output.chart_data import has_pictures, signed
from emorec.output.summary import missing_evidence, summary
from emorec.ui import file_fragments
from emorec.ui.wording import on_page


def progress(words: str, share: float | None = None, label: str = "Analysis") -> str:
    """A progress bar with words above it.

    ``share`` is the part done (0 to 1), None if that is not known yet. ``label`` is its name for screen readers.
    """
    if share is None:
        return f'<div class="words" role="status">{words}</div><div class="bar waiting"><i></i></div>'
    percent = f"{share:.0%}"
    return (
        f'<div class="words">{percent} · {words}</div><div class="bar" role="progressbar" '
        f'aria-label="{label}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}">'
        f'<i style="width:{percent}"></i></div>'
    )


def clock(seconds: float) -> str:
    """A time (s), rounded to seconds, as m:ss or h:mm:ss."""
    return charts.clock(round(seconds))


def callout(sentence: str, kind: str = "", at_once: bool = True) -> str:
    """A highlighted sentence, in the words of the page; a screen reader reads it ``at_once``, or when it comes to it.

    The script also scrolls to one of the ``kind`` "problem".
    """
    role = ' role="alert"' if at_once else ""
    return f'<div class="callout{kind and " "}{kind}"{role}>{html.escape(on_page(sentence))}</div>'


def result(
    timeline: Timeline, part: tuple[float, float] | None = None, style: str = charts.STYLES[0], only: bool = False
) -> str:
    """The share of time of each emotion, and how much evidence there is.

    For the scripts, ``part`` (s) is the time that the chart shows, None for all of it; ``style`` is the chart's, and
    with ``only`` the timeline is cut to the part.
    """
    figures = summary(timeline)
    attributes = f'data-duration="{timeline.duration:.3f}" data-step="{timeline.step:g}" data-rows="{len(timeline)}"'
    attributes += " data-complete" if timeline.complete else ""
    attributes += f' data-shown="{part[0]:.3f},{part[1]:.3f}"' if part else ""
    attributes += f' data-style="{style}"' + (" data-only" if only else "")
    pictures = has_pictures(timeline)
    attributes += "" if pictures else " data-sound"  # the style sheet then hides choices about faces
    if not figures.shares:
        return f"<div {attributes}></div>"  # ``warnings`` shows the reason
    tiles = {
        "Time with evidence": figures.known,
        "Face seen": figures.face,
        SPEECH: figures.speech,
        "Average confidence": figures.confidence,
    }
    if not pictures:
        del tiles["Face seen"]
    numbers = "".join(
        f"<div{_title(TITLES.get(name))}><dt>{name}</dt><dd>{value:.0%}</dd></div>" for name, value in tiles.items()
    )
    affect = {"Average valence": figures.valence, "Average arousal": figures.arousal}
    numbers += "".join(
        f"<div{_title(DERIVED)}><dt>{name}, derived</dt><dd>{signed(value)}</dd></div>"
        for name, value in affect.items()
        if value is not None
    )
    shares = "".join(bar(emotion, share) for emotion, share in figures.shares.items())
    shares += _unsure_bar(figures.unsure, timeline.unsure_below)
    prior, who = html.escape(timeline.prior.name), ", mean of all persons" if timeline.people else ""
    table = f"<table><caption>Share of the time with evidence ({prior} prior{who})</caption>{shares}</table>"
    body = f"{file_fragments.provenance(timeline.media)}{table}<dl>{numbers}</dl>"
    return f'<div class="summary" {attributes}>{body}</div>'


def _title(words: str | None) -> str:
    """The attribute with an explanation that is shown under the mouse; "" without words."""
    return f' title="{html.escape(words)}"' if words else ""


def warnings(timeline: Timeline) -> str:
    """The warnings above the chart: that there is no or little evidence, and some notes.

    While the analysis goes on they are not read aloud: its first seconds are always too little to tell.
    """
    figures = summary(timeline)
    if not figures.shares:
        words = f"{missing_evidence(timeline)}, so there is nothing to read an emotion from."
        return callout(words, at_once=timeline.complete)
    found = [figures.warning] if figures.too_little else []
    found += [persons.NO_FACE] if persons.NO_FACE in timeline.notes else []
    # The other notes are in the lines about trust, see ``overview.trust_lines``.
    found += [note for note in timeline.notes if usual_expression.PHRASE in note]
    return "".join(callout(note, at_once=timeline.complete) for note in dict.fromkeys(found))


@dataclass(frozen=True)
class Card:
    """A person: the ``name``, the ``seconds`` on screen, 0 if only heard, and the URL of a small ``picture``, or ""."""

    name: str
    seconds: float
    picture: str


def people(cards: Sequence[Card], names: dict[int, str]) -> str:
    """A card for each person, the one longest on screen first.

    ``names`` are those that were given, by number; scripts read them.
    """
    items = "".join(
        f"<li>{_portrait(card)}<b>{file_fragments.isolated(card.name)}</b>"
        f'<span class="caption">{f"{clock(card.seconds)} on screen" if card.seconds else "only heard"}</span></li>'
        for card in cards
    )
    return f'<ul class="cards" data-names="{html.escape(json.dumps(names))}">{items}</ul>'


def _portrait(card: Card) -> str:
    return f'<img src="{card.picture}" alt="" width="64" height="64">' if card.picture else '<i aria-hidden="true"></i>'


def legend(style: str) -> str:
    """What the colours of a chart of this style stand for, and how to read it."""
    is_affect = style == charts.AFFECT
    colours = charts.AFFECT_COLOURS if is_affect else {emotion: COLOURS[emotion] for emotion in BY_VALENCE}
    keys = "".join(
        f'<li class="{name}"><i style="background:{colour}"></i>{name}</li>' for name, colour in colours.items()
    )
    looks = "hatched" if style == charts.STYLES[0] else "dotted"
    keys += f'<li class="{looks}"><i></i>unsure</li>'
    how = HOW_TO_READ.format(looks=looks.capitalize())
    words = f"{DERIVED} {how}" if is_affect else how
    more = f"<details><summary>What the strips and the numbers mean</summary>{STRIPS}</details>"
    return f'<ul class="legend">{keys}</ul><p class="caption">{html.escape(words)}</p><div class="caption">{more}</div>'


def about(analyzer: Analyzer) -> str:
    """The panel about the loaded weights: their origin, evaluation and limits."""
    weights, model = html.escape(origin(analyzer)), analyzer.model
    panel = trust.panel(model.evaluation, model.training)
    return f'<div class="about"><p>{html.escape(LIMITS)}</p><p class="origin">{weights}</p>{panel}</div>'


def origin(analyzer: Analyzer) -> str:
    """A sentence about the origin of the weights; of a folder only the name, because its path is private."""
    found = analyzer.origin
    if found is None or found.folder == pretrained.BUNDLED:
        return "These are the weights that come with emorec."
    if not found.repo:
        return f"These are the weights in the folder {found.folder.resolve().name} of this machine."
    return f"These are the weights of {found.repo}@{found.revision} on the Hugging Face Hub, commit {found.commit}."


def bar(emotion: str, share: float) -> str:
    """The row of a table: an emotion and its share (0 to 1)."""
    return (
        f'<tr><th scope="row"><span class="emoji" aria-hidden="true">{EMOJI[emotion]}</span> {emotion}</th>'
        f'<td><i style="width:{share:.1%};background:{COLOURS[emotion]}"></i></td><td>{share:.0%}</td></tr>'
    )


def _unsure_bar(share: float, below: float) -> str:
    """The row below those of the seven emotions; ``below`` is the confidence under which a row counts as unsure."""
    return (
        f'<tr class="unsure" title="The confidence is below {below:.0%}"><th scope="row">unsure</th>'
        f'<td><i style="width:{share:.1%}"></i></td><td>{share:.0%}</td></tr>'
    )


SPEECH = "Speech counted"
TITLES = {
    SPEECH: "Share of the time with speech that counts here. While a person is shown, only that person's speech "
    "counts, so this can be less than all speech of the recording, and it changes with Person and Fusion."
}
LIMITS = (
    "emorec names displayed expression as actors and strangers' votes named it. It cannot tell what anyone feels, and "
    "where it neither saw a face nor heard speech it says nothing at all."
)
HEADER = """<header><h1>emorec</h1>
<p>A recording in, a timeline of emotions out, read from the faces it sees and the voices it hears.
The results are estimates of displayed expression, not of what anyone feels.</p></header>"""
PANEL_BUTTON = '<button type="button" aria-expanded="false" aria-controls="panel">Choices</button>'
PLACEHOLDER = '<div class="empty">The timeline grows here.</div>'
HOW_TO_READ = (
    "Click to go there. {looks} where it is unsure: the confidence is below "
    f"{charts.CONFIDENT:.0%}, or all evidence is from just before or after. Blank where there is no evidence, shaded "
    "where nothing is analysed yet."
)
# The style sheet hides what is about faces in a recording without pictures.
STRIPS = (
    "In the overview above the chart, the upper strip is the likeliest emotion, the lower one valence: orange is "
    "unpleasant, blue is pleasant, and a pale colour is weak. Below the chart, "
    '<span class="of-faces">the strip “face” shows how much of the time a face is seen, and </span>'
    "the strip “speech” shows how much of the time speech counts. In the line below it, the first number is how sure "
    'the result is: little evidence lowers it<span class="of-faces">, and a face and a voice that agree make it higher '
    "than either alone</span>."
)
NAMED_PART = '<p class="callout" role="status" hidden></p>'  # ``assets/address.js`` writes into it
DERIVED = (
    "Valence and arousal are derived from the probabilities, by published ratings of a word for each emotion "
    f"({SOURCE}). Valence: −1 unpleasant, +1 pleasant. Arousal: −1 calm, +1 excited."
)
# Sentences about privacy, at the end of the page.
HERE = (
    "Recordings are judged on the machine that emorec runs on, which sends them to no other. Only links, and "
    "checkpoints by name, are fetched from other machines."
)
THROUGH_GRADIO = "If you opened the page by its public link, all that you send and see passes through Gradio's servers."
REMOVED = "What you upload is removed when you close the page, or after about an hour."
KEPT = (
    "What was read from it, with small pictures of the faces and numbers by which faces and voices are known again, is "
    "kept for an hour in the list of recent analyses, which only this browser sees."
)
STORED = (
    "It stays on that machine also after this hour, for the next analysis of the same file, unless you delete it here "
    "before. To delete it later, analyse the file again in the same way, and then delete it."
)


def privacy(public: bool, shared: bool) -> str:
    """What is sent, removed and kept; ``public``: the page has a public link, ``shared``: visitors share the store."""
    sentences = [HERE, *[THROUGH_GRADIO] * public, REMOVED, KEPT, *[STORED] * shared]
    return f'<p class="caption">{" ".join(sentences)}</p>'
