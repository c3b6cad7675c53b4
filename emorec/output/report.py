"""A timeline as one HTML page to keep or to print, without scripts and without a network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emorec import files
from emorec._version import __version__
from emorec.extraction.features import Features
from emorec.inference import timeline as inference
from emorec.inference.timeline import Timeline
from emorec.models.checkpoint import Checkpoint
from emorec.output import report_parts as parts
from emorec.output import trust
from emorec.output.chart_data import clock
from emorec.output.lane_data import MAX_LANES
from emorec.output.portraits import Portraits
from emorec.output.summary import choices_in_words, summary

STYLE = """
@page { size: A4; margin: 15mm; }
* { box-sizing: border-box; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
body { font: 15px/1.5 system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif; color: #222;
  max-width: 900px; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 0.4rem; }
h3 { font-size: 1rem; margin: 1rem 0 0.2rem; } ul { margin: 0; padding-left: 1.2rem; }
svg { max-width: 100%; height: auto; display: block; } table { border-collapse: collapse; max-width: 100%; }
caption { text-align: left; color: #555; }
:is(td, th) { padding: 0.2rem 1rem 0.2rem 0; text-align: left; font-weight: 400; vertical-align: top; }
.limits table { font-size: 0.85rem; line-height: 1.35; } .limits :is(th, td):nth-child(3) { width: 52%; }
th { white-space: nowrap; } .settings td { overflow-wrap: anywhere; }
.trust { border-left: 4px solid #e69f00; padding: 0.4rem 0.8rem; background: #f6f6f6; }
.summary { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; } .summary > * { flex: 1 1 300px; margin: 0; }
.bar { width: 160px; } .bar i { display: block; height: 10px; margin-top: 0.45em; border-radius: 5px; }
.small { color: #555; font-size: 0.9rem; } .lane { margin: 0.6rem 0; }
.who { display: flex; gap: 0.7rem; align-items: center; } .who b { overflow-wrap: anywhere; }
.portrait { width: 48px; height: 48px; border-radius: 6px; display: block; flex: none; }
.moments tr > * { vertical-align: middle; padding-right: 0.7rem; } .moments td:last-child { padding-right: 0; }
.moments i { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.4em; }
@media screen and (max-width: 480px) {
  :is(td, th), .moments tr > * { padding-right: 0.4rem; } .moments :is(td, th) { white-space: normal; }
  .bar { width: 6rem; } .limits :is(table, tbody, caption, tr, td) { display: block; }
  .limits tr { margin-top: 0.6rem; } .limits td:nth-child(3) { width: auto; }
  .limits tr:has(th) { display: none; } .limits td:last-child::after { content: " items"; }
}
/* With colours of the system (high contrast), charts keep their own, on white, and bars and marks theirs. */
@media (forced-colors: active) { :is(svg, i) { forced-color-adjust: none; } svg { background: #fff; } }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt; }
  :is(h1, h2, h3, caption) { break-after: avoid; } :is(tr, li, svg, img, .lane, .whole, .trust) { break-inside: avoid; }
}
"""


def html_text(
    timeline: Timeline,
    evaluation: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    portraits: Portraits | None = None,
    people: Sequence[Timeline] = (),
) -> str:
    """The HTML of the page; ``evaluation`` and ``training`` are those of the checkpoint, None if it is not known.

    ``portraits`` are the pictures of persons, ``people`` the timelines of persons with a lane, by default those of
    ``timeline.people``.
    """
    name = Path(str(timeline.media.get("name", ""))).name or "A recording"
    people, alone = people or timeline.people, replace(timeline, people=())
    warning = summary(timeline).warning
    trusted, about = trust.UNKNOWN, ""
    if evaluation is not None:
        trusted, about = trust.sentence(timeline, evaluation), trust.panel(evaluation, training or {})
    body = [
        f"<h1>{html.escape(name)}</h1>",
        f"<p><strong>{warning}</strong></p>" if warning else "",
        f'<p class="trust">{html.escape(trusted)}</p>',
        f'<p class="small">{_shown_time(timeline)}, {html.escape(choices_in_words(timeline))}, '
        f"{max(timeline.window, timeline.step):g} s of evidence for each. Made by emorec {__version__}.</p>",
        *(f"<p><strong>{html.escape(note)}</strong></p>" for note in timeline.notes),
        _section("Summary", parts.figures(timeline), "whole"),
        _section("Over time", parts.chart(alone), "whole"),
        _section("Each person", parts.lanes(people, portraits)) if people else "",
        _section("Valence and arousal", parts.chart(alone, "valence_arousal"), "whole"),
        _section("Highlights", parts.highlights(timeline, portraits)),
        _section("The most negative minutes", negative) if (negative := parts.negative(timeline, portraits)) else "",
        _section("What this can and cannot tell", about, "limits") if about else "",
        _section("Settings", parts.settings(timeline)),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(name)}: emotions over time</title><style>{STYLE}</style>"
    )
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'
    return files.shown(page)


def write(
    timeline: Timeline,
    path: Path,
    model: Checkpoint | None = None,
    features: Features | None = None,
    blur: bool = False,
) -> None:
    """Write the page to a file, completely or not at all. Raises EmorecError if it cannot be written.

    ``model`` made the timeline from ``features``. From these come the pictures of the persons and, if several are
    visible, a lane for each of them; ``blur`` hides the faces in the pictures. Without ``model``, the page does not say
    how well the weights were measured to work.
    """
    evaluation, training = (model.evaluation, model.training) if model else (None, None)
    portraits = Portraits(features, blur) if features else None
    people = _lane_timelines(timeline, model, features) if model and features else ()
    files.write_result(path, html_text(timeline, evaluation, training, portraits, people).encode())


def _lane_timelines(timeline: Timeline, model: Checkpoint, features: Features) -> tuple[Timeline, ...]:
    """The timelines of the persons who get a lane, inferred with the choices of ``timeline``.

    Empty if ``timeline`` has them already, is about one person or about voices alone, or has fewer than two persons.
    """
    choices = timeline.choices
    if timeline.people or choices.get("person") is not None or timeline.fusion == "voice" or len(features.persons) < 2:
        return ()
    group = inference.infer_again(timeline, features, model, "all", MAX_LANES)
    part = choices.get("part")
    return (group.between(*part) if part else group).people


def _shown_time(timeline: Timeline) -> str:
    """The time that the page shows: the length of the recording, or a part of it, as "0:10 to 0:20 of 1:00"."""
    part, start, length = timeline.choices.get("part"), timeline.choices.get("start"), clock(timeline.duration)
    analysed = f"{clock(start)} to {length}" if start else length
    return f"{clock(part[0])} to {clock(part[1])} of {analysed}" if part else analysed


def _section(title: str, body: str, kind: str = "") -> str:
    return f'<section class="{kind}"><h2>{title}</h2>{body}</section>'
