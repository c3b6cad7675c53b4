"""The parts of the report as HTML: figures, charts, a lane for each person, and tables of highlights."""

from __future__ import annotations

import html
from collections.abc import Sequence

from emorec import files
from emorec.emotions import COLOURS, EMOJI
from emorec.inference.timeline import Timeline
from emorec.output import charts, lane_data, tables
from emorec.output.chart_data import clock, has_pictures
from emorec.output.chart_files import content
from emorec.output.highlights import Highlight, find_highlights
from emorec.output.negative import NONE, has_minutes, most_negative
from emorec.output.portraits import Portraits
from emorec.output.summary import affect_in_words, missing_evidence, shares_in_words, summary

UNSURE = "repeating-linear-gradient(135deg,#777 0 2px,#ddd 2px 6px)"  # the bar of unsure time, hatched as in the chart
WIDTH, HEIGHT, LANE_HEIGHT = 760, 270, 140  # px of a chart; a printed page is about 680 wide
NOTHING = "<p>{missing}, so there is nothing to read an emotion from.</p>"


def figures(timeline: Timeline) -> str:
    """The share of the time of each emotion, and how much evidence there is, as HTML."""
    found = summary(timeline)
    pictures = has_pictures(timeline)
    if found.confidence is None:
        return NOTHING.format(missing=html.escape(missing_evidence(timeline)))
    rows = "".join(
        f'<tr><th scope="row">{EMOJI[emotion]} {emotion}</th><td class="bar">'
        f'<i style="width:{share:.1%};background:{COLOURS[emotion]}"></i></td><td>{share:.0%}</td></tr>'
        for emotion, share in found.shares.items()
    )
    rows += (
        f'<tr><th scope="row">unsure</th><td class="bar"><i style="width:{found.unsure:.1%};background:{UNSURE}"></i>'
        f"</td><td>{found.unsure:.0%}</td></tr>"
    )
    face = f"a face in {found.face:.0%}, " if pictures else ""
    return (
        f'<div class="summary"><table><caption>Share of the time with evidence</caption>{rows}</table>'
        f"<p>Evidence for {found.known:.0%} of the time: {face}speech in "
        f"{found.speech:.0%}. Average confidence {found.confidence:.0%}. "
        f"{html.escape(affect_in_words(found))} Time counts as unsure if the confidence "
        f"is below {timeline.unsure_below:.0%}; the charts are hatched, or their lines dotted, there and at times "
        f"whose evidence is all from just before or after, and blank without any.</p></div>"
    )


def chart(timeline: Timeline, style: str = charts.STYLES[0], height: int = HEIGHT, legend: bool = True) -> str:
    """The chart of a timeline as SVG, as wide as a printed page."""
    drawn = charts.timeline_chart(timeline, ink=charts.INK, legend=legend, style=style)
    drawn = drawn.properties(width=WIDTH, height=height, autosize={"type": "fit", "contains": "padding"})
    return content(drawn, "svg").decode()


def lanes(people: Sequence[Timeline], portraits: Portraits | None) -> str:
    """A chart for each person, with the picture, the name, and the person's figures.

    ``people`` may be only the first persons of a recording, whose ``names`` tell how many there are.
    """
    drawn = "".join(_lane(person, portraits) for person in people[: lane_data.MAX_LANES])
    more = lane_data.left_out(max(len(people), len(people[0].names)))
    return drawn + (f'<p class="small">{more}.</p>' if more else "")


def _lane(person: Timeline, portraits: Portraits | None) -> str:
    found = summary(person)
    seen = f"voice heard in {found.speech:.0%}" if person.only_heard else f"face seen in {found.face:.0%}"
    words = f"{shares_in_words(found)}; {seen} of the time"
    number = int(person.person[0]) if len(person) else -1
    picture = _picture(portraits, portraits.best(number)) if portraits else ""
    name = html.escape(files.shown(person.name))
    return (
        f'<div class="lane"><div class="who">{picture}<div><b>{name}</b><br><span class="small">{words}</span></div>'
        f"</div>{chart(person, height=LANE_HEIGHT, legend=False)}</div>"
    )


def highlights(timeline: Timeline, portraits: Portraits | None) -> str:
    """A table of the highlights with their time, strength, kind and reason."""
    found = find_highlights(timeline)
    return _table(timeline, found, portraits) if found else "<p>Nothing stands out.</p>"


def negative(timeline: Timeline, portraits: Portraits | None) -> str:
    """A table of the most negative minutes, "" if the recording is too short for it or has no evidence."""
    if not has_minutes(timeline):
        return ""
    found = most_negative(timeline)
    return _table(timeline, found, portraits) if found else f"<p>{NONE}</p>"


def _table(timeline: Timeline, found: Sequence[Highlight], portraits: Portraits | None) -> str:
    pictures = [_picture(portraits, portraits.best_of_highlight(timeline, each)) if portraits else "" for each in found]
    with_picture = any(pictures)
    rows = "".join(
        f'<tr><th scope="row">{clock(each.start)}<span class="small"> to {clock(each.end)}</span></th>'
        f"{f'<td>{picture}</td>' if with_picture else ''}<td>{each.strength:.0%}</td>"
        f'<td><i style="background:{COLOURS[each.emotion]}"></i>{html.escape(files.shown(each.sentence))}<br>'
        f'<span class="small">{html.escape(files.shown(each.reason))}</span></td></tr>'
        for each, picture in zip(found, pictures, strict=True)
    )
    heads = ["time", *(["face"] if with_picture else []), "strength", "what and why"]
    head = "".join(f'<th scope="col" class="small">{name}</th>' for name in heads)
    return f'<table class="moments"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _picture(portraits: Portraits, row: int | None) -> str:
    url = portraits.url(row)
    return f'<img class="portrait" src="{url}" alt="" width="48" height="48">' if url else ""


def settings(timeline: Timeline) -> str:
    """All choices that made the timeline, with the prior, the model and the version."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name.replace("_", " "))}</th><td>{html.escape(_in_words(value))}</td></tr>'
        for name, value in tables.choices(timeline).items()
    )
    return f'<table class="small settings">{rows}</table>'


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return "automatic" if value is None else str(value)
