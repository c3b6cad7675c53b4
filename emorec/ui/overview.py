"""The overview of a recording: a ribbon of its dominant emotions, its valence, and the part that the chart shows."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from emorec.emotions import COLOURS, EMOTIONS
from emorec.inference import people, usual_expression
from emorec.inference.timeline import Timeline
from emorec.output import lane_data, trust
from emorec.output.chart_axes import ticks
from emorec.output.chart_data import Columns, clock, columns
from emorec.output.highlights import Highlight, find_highlights
from emorec.ui.wording import on_page

ROW = "%g" + 7 * ",%d"  # format of a row of the read-out
READ_OUT = 3600  # rows of the read-out; an hour at a step of 1 s
MAX_COLUMNS = 600  # of the ribbon; more would be narrower than two pixels on most screens
VALENCE_STEPS = 20  # of the line of valence; finer differences of colour cannot be seen
UNPLEASANT, PLEASANT = "213 94 0", "0 114 178"  # red, green, blue; orange and blue differ for colour-blind eyes too
FEW_TIMES = 6  # labels of time that fit below the ribbon on a phone
HEAT = "Valence: orange unpleasant, blue pleasant"
MARKS = {"peak": "▲", "shift": "◆", "disagreement": "≠"}

Part = tuple[float, float]


def overview(timeline: Timeline, part: Part | None = None, recording: str = "") -> str:
    """A ribbon of the whole recording, with a brush at ``part`` (s); None is all of it.

    ``recording`` is its name in the address of the page, of letters and digits (``Analysis.tag``).
    """
    begin = float(timeline.start[0]) if len(timeline) else 0.0
    until = float(timeline.end[-1]) if len(timeline) else begin
    end = max(timeline.duration, until, begin + 0.1)
    drawn = columns(timeline, MAX_COLUMNS)
    low, high = part or (begin, end)
    place = _Place(begin, end)
    runs = _ribbon(drawn, place)
    heat = f'<div class="heat" style="background:{_heat(drawn, place)}" title="{HEAT}"></div>'
    marks = "".join(_mark(highlight, place) for highlight in find_highlights(timeline))
    times = "".join(f'<b style="left:{place.at(time):.3f}%">{clock(time)}</b>' for time in ticks(begin, end))
    # On a phone, the style sheet hides every second label if there are many.
    many = " many" if times.count("<b") > FEW_TIMES else ""
    whole = ("" if part else " data-whole") + (" data-complete" if timeline.complete else "")
    handles = "".join(_handle(*each, begin, end) for each in (("Start", low), ("End", high)))
    return (
        f'<div class="overview" data-first="{begin:.3f}" data-last="{end:.3f}" data-begin="{low:.3f}" '
        f'data-end="{high:.3f}" data-emotions="{",".join(EMOTIONS)}" data-rows="{_read_out(timeline)}" '
        f'data-until="{until:.3f}" data-recording="{recording}"{whole}>'
        f'<div class="ribbon" role="img" aria-label="{html.escape(_in_words(timeline))}">{runs}{heat}</div>'
        f'<div class="marks" aria-hidden="true">{marks}</div>'
        f'<div class="brush" style="{place.box(low, high)}">{handles}</div>'
        f'<div class="times{many}" aria-hidden="true">{times}</div></div>'
    )


def ribbon(timeline: Timeline, most: int = MAX_COLUMNS) -> str:
    """The ribbon alone, in at most ``most`` columns, with a description for people who do not see it."""
    end = max(timeline.duration, float(timeline.end[-1]) if len(timeline) else 0.0, 0.1)
    runs = _ribbon(columns(timeline, most), _Place(0.0, end))
    return f'<span class="ribbon" role="img" aria-label="{html.escape(_in_words(timeline))}">{runs}</span>'


def trust_lines(timeline: Timeline, evaluation: dict[str, Any] | None, shown: Collection[str] = ()) -> str:
    """The lines above the timeline: how far to trust it, and its notes, without those that are ``shown`` elsewhere.

    Without ``evaluation`` there is no line about the measured accuracy.
    """
    elsewhere = {*shown, people.NO_FACE}  # a callout reports a missing face
    notes = [note for note in timeline.notes if note not in elsewhere and usual_expression.PHRASE not in note]
    words = "" if evaluation is None else trust.sentence(timeline, evaluation)
    lines = [words, *notes] if words else notes
    if more := lane_data.left_out(len(timeline.people)):
        lines = [*lines, f"{more}; the tables and the downloads have everybody."]
    return "".join(f'<p class="caption trusted">{html.escape(on_page(each))}</p>' for each in lines)


def parse_part(text: str, timeline: Timeline | None) -> Part | None:
    """The part (s) of a text such as "12.5,60".

    None for the whole recording, for a part without a row, such as one that is not analysed, and for other texts.
    """
    try:
        low, high = (float(word) for word in text.split(","))
    except (AttributeError, ValueError):
        return None
    if timeline is None or not len(timeline):
        return None
    first, last = float(timeline.start[0]), max(timeline.duration, float(timeline.end[-1]))
    low, high = max(low, first), min(high, last)
    # A part without a row would be an empty chart. NaN fails every comparison.
    rows = bool(((timeline.end > low) & (timeline.start < high)).any())
    return (low, high) if rows and low < high and (low > first or high < last) else None


class _Place:
    """Times (s) as places on the ribbon, in percent."""

    def __init__(self, begin: float, end: float):
        self.begin, self.length = begin, end - begin

    def at(self, time: float) -> float:
        return 100 * (time - self.begin) / self.length

    def box(self, begin: float, end: float) -> str:
        left = self.at(begin)
        return f"left:{left:.3f}%;width:{self.at(end) - left:.3f}%"


def _runs(data: Columns) -> Iterator[tuple[float, float, str, str]]:
    """Runs of columns with the same dominant emotion: (begin, end, "sure" or "unsure", colour); gaps are left out."""
    dominant = data.probabilities.argmax(axis=1)
    state = np.where(data.known > 0, 2 * dominant + data.sure, -1)
    first = np.flatnonzero(np.diff(state, prepend=-2))
    for here, after in zip(first, [*first[1:], len(state)], strict=True):
        if state[here] >= 0:
            kind = "sure" if data.sure[here] else "unsure"
            yield float(data.start[here]), float(data.end[after - 1]), kind, COLOURS[EMOTIONS[dominant[here]]]


def _ribbon(data: Columns, place: _Place) -> str:
    return "".join(
        f'<i class="{kind}" style="{place.box(*span)};--c:{colour}"></i>' for *span, kind, colour in _runs(data)
    )


def _heat(data: Columns, place: _Place) -> str:
    """A CSS gradient of the valence; transparent where it is 0 or unknown."""
    level = np.round(np.nan_to_num(data.affect[:, 0]) * VALENCE_STEPS)
    first = np.flatnonzero(np.diff(level, prepend=np.nan))
    stops = []
    for here, after in zip(first, [*first[1:], len(level)], strict=True):
        colour = UNPLEASANT if level[here] < 0 else PLEASANT
        shade = f"rgb({colour} / {abs(level[here]) / VALENCE_STEPS:.2f})"
        stops.append(f"{shade} {place.at(data.start[here]):.2f}% {place.at(data.end[after - 1]):.2f}%")
    return f"linear-gradient(90deg,{','.join([*stops, 'transparent 0'])})" if stops else "none"


def _read_out(timeline: Timeline) -> str:
    """The data of the read-out, with rows "end,emotion,percent,sure,face,percent,voice,percent;"; -1 is unknown.

    ``end`` is a time (s); emotions are indices into EMOTIONS. ``sure`` is 1, or 0 for a low confidence, or 2 if all
    evidence is from just before or after. The first row begins with the recording.
    """
    data = columns(timeline, READ_OUT)
    known = data.known > 0
    says = [
        (
            np.where(np.isnan(each[:, 0]), -1, np.nan_to_num(each).argmax(axis=1)),
            np.nan_to_num(each).max(axis=1, initial=0),
        )
        for each in (data.probabilities, data.face_says, data.voice_says)
    ]
    (best, _), (face, face_share), (voice, voice_share) = says
    values_of_rows = (
        np.round(data.end, 2),
        np.where(known, best, -1),
        # As in ``output.text.percent``, an unsure confidence is rounded down.
        np.where(data.sure, np.round(100 * data.confidence), np.floor(100 * data.confidence + 1e-9)).astype(int),
        np.where(data.sure, 1, np.where(data.own, 0, 2)),
        face,
        np.round(100 * face_share).astype(int),
        voice,
        np.round(100 * voice_share).astype(int),
    )
    # One format operation per row, because each drawing has thousands of rows.
    rows = zip(*(values.tolist() for values in values_of_rows), strict=True)
    return ";".join(map(ROW.__mod__, rows))


def _mark(highlight: Highlight, place: _Place) -> str:
    middle = (highlight.start + highlight.end) / 2
    sign = MARKS.get(highlight.kind, "•")
    return f'<span style="left:{place.at(middle):.3f}%;color:{COLOURS[highlight.emotion]}">{sign}</span>'


def _handle(name: str, time: float, first: float, last: float) -> str:
    return (
        f'<span class="handle" tabindex="0" role="slider" aria-label="{name} of the shown part" '
        f'aria-valuemin="{first:.1f}" aria-valuemax="{last:.1f}" aria-valuenow="{time:.1f}" '
        f'aria-valuetext="{clock(round(time, 1))}"></span>'
    )


def _in_words(timeline: Timeline) -> str:
    """A description of the overview for people who do not see it."""
    shares = [f"{emotion} {share:.0%}" for emotion, share in timeline.shares()[0].items() if share >= 0.005]
    return f"Overview of {clock(round(timeline.duration))}: {', '.join(shares) or 'no evidence'}"
