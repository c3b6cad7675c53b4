"""A timeline as subtitles: one cue for every run of rows with the same dominant emotion."""

from __future__ import annotations

import html
from dataclasses import dataclass

from emorec.emotions import EMOJI
from emorec.inference.timeline import Timeline
from emorec.output import tiers
from emorec.output.text import percent, plain

# Players take <b> in SubRip for a style and {\an8} for a place, and SubRip has no way to escape them.
LOOK_ALIKES = str.maketrans("<>{}", "\u2039\u203a()")


@dataclass(frozen=True)
class Cue:
    """One subtitle from ``start`` to ``end`` (s); ``confidence`` is the mean over that time.

    ``unsure`` is true if it is lower than the timeline's ``unsure_below``, or if less than half of that time is sure;
    ``person`` is a name, or "".
    """

    start: float
    end: float
    emotion: str
    confidence: float
    unsure: bool
    person: str = ""

    @property
    def text(self) -> str:
        """The emotion and its confidence, with a question mark if the cue is unsure, after the person's name."""
        mark = "?" if self.unsure else ""
        name = f"{self.person}: " if self.person else ""
        return f"{name}{EMOJI[self.emotion]} {self.emotion}{mark} {percent(self.confidence, not self.unsure)}"


def cues(timeline: Timeline) -> list[Cue]:
    """One cue for every run of rows with the same dominant emotion, of every person, in order of time.

    Rows without evidence have none.
    """
    found = [
        Cue(run.start, run.end, run.emotion, run.confidence, _is_unsure(run, one), plain(one.name))
        for one in timeline.each
        for run in tiers.runs(one)
    ]
    return sorted(found, key=lambda cue: cue.start)


def _is_unsure(run: tiers.Run, timeline: Timeline) -> bool:
    # A run may be long although its evidence is only from the time before it; its mean confidence does not show this.
    return run.confidence < timeline.unsure_below or run.sure < 0.5


def srt_text(timeline: Timeline) -> str:
    """SubRip subtitles: numbered cues, times with a comma; angle brackets and braces are replaced by similar ones."""
    return "\n".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text.translate(LOOK_ALIKES)}\n"
        for number, cue in enumerate(cues(timeline), 1)
    )


def vtt_text(timeline: Timeline) -> str:
    """WebVTT subtitles (W3C): a header, then cues, times with a point."""
    # In WebVTT "&" and "<" begin an entity and a tag, and "-->" must not stand in a text.
    body = (
        f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{html.escape(cue.text, quote=False)}\n"
        for cue in cues(timeline)
    )
    return "\n".join(["WEBVTT\n", *body])


def _time(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
