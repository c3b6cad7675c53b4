"""A timeline as subtitles: one cue for every run of rows with the same dominant emotion, none without evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emorec import files
from emorec.emotions import EMOJI
from emorec.inference.timeline import Timeline


@dataclass(frozen=True)
class Cue:
    """One subtitle from ``start`` to ``end`` (s); ``confidence`` is the mean over that time.

    ``unsure`` is true if it is lower than the timeline's ``unsure_below``.
    """

    start: float
    end: float
    emotion: str
    confidence: float
    unsure: bool

    @property
    def text(self) -> str:
        """The emotion and its confidence, with a question mark if the cue is unsure."""
        mark = "?" if self.unsure else ""
        return f"{EMOJI[self.emotion]} {self.emotion}{mark} {self.confidence:.0%}"


def cues(timeline: Timeline) -> list[Cue]:
    """One cue for every run of rows with the same dominant emotion, in order of time."""
    dominant, confidence = timeline.dominant, timeline.confidence
    borders = [row for row in range(1, len(timeline)) if dominant[row] != dominant[row - 1]]
    runs = np.split(np.arange(len(timeline)), borders)
    lengths = timeline.end - timeline.start
    found = []
    for run in runs:
        if len(run) and dominant[run[0]]:
            mean = float(np.average(confidence[run], weights=lengths[run]))
            start, end = float(timeline.start[run[0]]), float(timeline.end[run[-1]])
            found.append(Cue(start, end, dominant[run[0]], mean, mean < timeline.unsure_below))
    return found


def srt_text(timeline: Timeline) -> str:
    """SubRip subtitles: numbered cues, times with a comma."""
    return "\n".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues(timeline), 1)
    )


def vtt_text(timeline: Timeline) -> str:
    """WebVTT subtitles (W3C): a header, then cues, times with a point."""
    body = (f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{cue.text}\n" for cue in cues(timeline))
    return "\n".join(["WEBVTT\n", *body])


def write_srt(timeline: Timeline, path: Path) -> None:
    """Write SubRip subtitles to a file, completely or not at all. Raises EmorecError if it cannot be written."""
    files.write_result(path, srt_text(timeline).encode())


def write_vtt(timeline: Timeline, path: Path) -> None:
    """Write WebVTT subtitles to a file, completely or not at all. Raises EmorecError if it cannot be written."""
    files.write_result(path, vtt_text(timeline).encode())


def _time(seconds: float, mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
