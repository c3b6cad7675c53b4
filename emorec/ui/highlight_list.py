"""The list of highlights on the page: all of them, with a picture where a face is seen, and filters for the browser."""

from __future__ import annotations

import html
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from emorec import files
from emorec.emotions import COLOURS, EMOTIONS
from emorec.extraction.features import Features
from emorec.extraction.people import default_name
from emorec.inference.timeline import Timeline
from emorec.output.chart_data import clock
from emorec.output.highlights import KINDS, Highlight, find_highlights
from emorec.output.portraits import NOBODY, Portraits, highlighted_person

MAX_LISTED = 1000  # highlights; an hour with a change every eight seconds has 900: 0.3 MB of HTML, 13 kB compressed
FEW = 10  # highlights that the filter for the strongest shows
MAX_PICTURES = 40  # different ones, of about 2 kB each; after these, each person has one picture everywhere
NOTHING = '<p class="caption">Nothing stands out.</p>'
KEYS = '<span class="caption">Keys: <kbd>n</kbd> next, <kbd>p</kbd> previous</span>'
LEFT_OUT = "The {listed} strongest of {count} are listed, of each kind about the same number."
KIND_NAMES = {
    "peak": "peaks",
    "shift": "changes",
    "disagreement": "face and voice differ",
    "unsure": "low confidence",
    "person": "other person",
}


def highlights_html(timeline: Timeline, features: Features | None = None) -> str:
    """The highlights of a timeline in order of time, with their filters; pictures come from its ``features``."""
    found = find_highlights(timeline, None)
    shown = strongest(found, MAX_LISTED)
    if not shown:
        return f'<section class="moments"><h2>Highlights</h2>{NOTHING}</section>'
    people = [highlighted_person(timeline, each) for each in shown]
    styles = ""
    pictures: list[int | None] = [None] * len(shown)
    if features:
        portraits = Portraits(features)
        pictures = _pictures(timeline, shown, people, portraits)
        used = sorted({picture for picture in pictures if picture is not None})
        styles = "".join(f".moments .face-{row}{{background-image:url({portraits.url(row)})}}" for row in used)
    ranks = np.argsort(rank(shown)).tolist()
    items = "".join(_item(*each) for each in zip(shown, people, pictures, ranks, strict=True))
    left_out = LEFT_OUT.format(listed=len(shown), count=len(found))
    note = f'<p class="caption">{left_out}</p>' if len(shown) < len(found) else ""
    body = (
        f"<h2>Highlights</h2><style>{styles}</style>"
        f'<div class="filters">{_filters(timeline, shown, people)}<span role="status"></span>{KEYS}</div>{note}'
        f"<ol>{items}</ol>"
    )
    # The browser may keep the element and change its content; the script sees from this value that the list is new.
    return f'<section class="moments" data-drawn="{zlib.crc32(body.encode()):x}">{body}</section>'


def strongest(highlights: Sequence[Highlight], most: int) -> list[Highlight]:
    """At most ``most`` highlights in order of time: the strongest of each kind, the same number of each if possible."""
    return [highlights[index] for index in sorted(rank(highlights)[:most])]


def rank(highlights: Sequence[Highlight]) -> list[int]:
    """The indices of all highlights, the strongest of each kind first, then the second of each, and so on."""
    ranks: Counter[str] = Counter()
    places = []
    # Strengths of different kinds cannot be compared, so the kinds take turns.
    for index in sorted(range(len(highlights)), key=lambda index: (-highlights[index].strength, index)):
        places.append((ranks[highlights[index].kind], index))
        ranks[highlights[index].kind] += 1
    return [index for _, index in sorted(places)]


def _pictures(
    timeline: Timeline, found: Sequence[Highlight], people: Sequence[int], portraits: Portraits
) -> list[int | None]:
    """The index of the picture of each highlight, None without one.

    The first MAX_PICTURES different pictures are those of the moment; after these, each person has one picture.
    """
    used: set[int] = set()
    rows: list[int | None] = []
    for each, person in zip(found, people, strict=True):
        row = portraits.best_of_highlight(timeline, each)
        if row is not None and row not in used and len(used) >= MAX_PICTURES:
            row = portraits.best(person)
        if row is not None:
            used.add(row)
        rows.append(row)
    return rows


def _item(each: Highlight, person: int, picture: int | None, rank: int) -> str:
    face = "" if picture is None else f'<span class="face face-{picture}"></span>'
    words = html.escape(files.shown(each.sentence))
    return (
        f'<li data-kind="{each.kind}" data-emotion="{each.emotion}" data-person="{person}" data-until="{each.end:.3f}"'
        f' data-rank="{rank}">'
        f'<button type="button" data-seek="{each.start:.3f}"><time>{clock(each.start)}</time>{face}'
        f'<i style="background:{COLOURS[each.emotion]}"></i><span>{words}'
        f"<small>{html.escape(files.shown(each.reason))}</small></span></button></li>"
    )


def _filters(timeline: Timeline, found: Sequence[Highlight], people: Sequence[int]) -> str:
    """The filters by kind, emotion and person, with the values that occur, and the filter for the strongest ones."""
    kinds, emotions = {each.kind for each in found}, {each.emotion for each in found}
    names = {
        number: timeline.names.get(number, default_name(number)) for number in sorted({*people}) if number != NOBODY
    }
    choices = [
        _choice("kind", "Kind", ((kind, KIND_NAMES[kind]) for kind in KINDS if kind in kinds)),
        _choice("emotion", "Emotion", ((emotion, emotion) for emotion in EMOTIONS if emotion in emotions)),
        _choice("person", "Person", names.items()) if len(names) > 1 else "",
        _choice("rank", "Strength", [(FEW, f"the {FEW} strongest")]) if len(found) > FEW else "",
    ]
    return "".join(choices)


def _choice(name: str, label: str, choices: Iterable[tuple[object, str]]) -> str:
    options = "".join(f'<option value="{value}">{html.escape(files.shown(words))}</option>' for value, words in choices)
    return f'<label>{label} <select data-filter="{name}"><option value="">all</option>{options}</select></label>'
