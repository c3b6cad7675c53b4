"""A timeline as one HTML page to keep or to print, without scripts and without a network."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from emorec import files
from emorec._version import __version__
from emorec.emotions import COLOURS, EMOJI
from emorec.inference.timeline import Timeline
from emorec.output import charts, tables, trust
from emorec.output.chart_data import clock, has_pictures
from emorec.output.highlights import find_highlights
from emorec.output.summary import affect_in_words, how, summary

UNSURE = "repeating-linear-gradient(135deg,#777 0 2px,#ddd 2px 6px)"  # the bar of unsure time, hatched as in the chart
STYLE = """
body { font: 15px/1.5 system-ui, 'Segoe UI', Roboto, sans-serif; color: #222; max-width: 1000px; margin: 2rem auto; }
body { padding: 0 1rem; } h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 1.8rem 0 0.4rem; }
svg { max-width: 100%; height: auto; } table { border-collapse: collapse; } caption { text-align: left; color: #555; }
:is(td, th) { padding: 0.2rem 1rem 0.2rem 0; text-align: left; font-weight: 400; vertical-align: top; }
th { white-space: nowrap; } .bar { width: 220px; } .bar i { display: block; height: 10px; border-radius: 5px; }
.small { color: #555; font-size: 0.9rem; } @media print { body { margin: 0; } section { break-inside: avoid; } }
"""


def html_text(
    timeline: Timeline, evaluation: dict[str, Any] | None = None, training: dict[str, Any] | None = None
) -> str:
    """The text of the page; ``evaluation`` and ``training`` are those of the checkpoint."""
    name = Path(str(timeline.media.get("name", ""))).name or "A recording"
    warning = summary(timeline).warning
    parts = [
        f"<h1>{html.escape(name)}</h1>",
        f"<p><strong>{warning}</strong></p>" if warning else "",
        f'<p class="small">{clock(timeline.duration)}, {html.escape(how(timeline))}, {timeline.window:g} s of evidence '
        f"for each. Made by emorec {__version__}.</p>",
        *(f"<p><strong>{html.escape(note)}</strong></p>" for note in timeline.notes),
        _section("Over time", charts.svg_text(timeline)),
        _section("Valence and arousal", charts.svg_text(timeline, "valence_arousal")),
        _section("Summary", _figures(timeline)),
        _section("Highlights", _highlights(timeline)),
        _section("What this can and cannot tell", trust.panel(evaluation or {}, training or {})),
        _section("Settings", _settings(timeline)),
    ]
    head = f'<meta charset="utf-8"><title>{html.escape(name)}: emotions over time</title><style>{STYLE}</style>'
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'
    return files.shown(page)


def write(
    timeline: Timeline,
    path: Path,
    evaluation: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> None:
    """Write the page to a file, completely or not at all. Raises EmorecError if it cannot be written."""
    files.write_result(path, html_text(timeline, evaluation, training).encode())


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _figures(timeline: Timeline) -> str:
    figures = summary(timeline)
    pictures = has_pictures(timeline)
    if figures.confidence is None:
        missing = "Neither a face was seen nor speech heard" if pictures else "No speech was heard"
        return f"<p>{missing}, so there is nothing to read an emotion from.</p>"
    rows = "".join(
        f'<tr><th scope="row">{EMOJI[emotion]} {emotion}</th><td class="bar">'
        f'<i style="width:{share:.1%};background:{COLOURS[emotion]}"></i></td><td>{share:.0%}</td></tr>'
        for emotion, share in figures.shares.items()
    )
    rows += (
        f'<tr><th scope="row">unsure</th><td class="bar"><i style="width:{figures.unsure:.1%};background:{UNSURE}"></i>'
        f"</td><td>{figures.unsure:.0%}</td></tr>"
    )
    face = f"a face in {figures.face:.0%}, " if pictures else ""
    return (
        f"<table><caption>Share of the time with evidence</caption>{rows}</table>"
        f"<p>Evidence for {figures.known:.0%} of the time: {face}speech in "
        f"{figures.speech:.0%}. Average confidence {figures.confidence:.0%}. "
        f"{html.escape(affect_in_words(figures))} Time counts as unsure if the confidence "
        f"is below {timeline.unsure_below:.0%}; the chart is hatched, or its lines "
        f"dotted, there and at times whose evidence is all from just before or after, and blank without any.</p>"
    )


def _settings(timeline: Timeline) -> str:
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name.replace("_", " "))}</th><td>{html.escape(_in_words(value))}</td></tr>'
        for name, value in tables.choices(timeline).items()
    )
    return f'<table class="small">{rows}</table>'


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return "automatic" if value is None else str(value)


def _highlights(timeline: Timeline) -> str:
    found = find_highlights(timeline)
    if not found:
        return "<p>Nothing stands out.</p>"
    rows = "".join(
        f'<tr><th scope="row">{clock(each.start)}</th><td>{each.kind}</td><td>{html.escape(each.text)}</td></tr>'
        for each in found
    )
    return f"<table>{rows}</table>"
