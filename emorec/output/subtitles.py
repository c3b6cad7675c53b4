"""A Timeline as subtitles: one cue for every stretch in which one emotion dominates, none where nothing is known."""

from dataclasses import dataclass

import numpy as np

from emorec import files
from emorec.emotions import EMOJI


@dataclass(frozen=True)
class Cue:
    """``start`` to ``end`` (s) with what is shown; ``confidence`` is the mean over that time.

    ``unsure`` tells that it lies under the timeline's ``unsure_below``.
    """

    start: float
    end: float
    emotion: str
    confidence: float
    unsure: bool

    @property
    def text(self):
        """The emotion and its confidence, with a question mark if the cue is unsure."""
        doubt = "?" if self.unsure else ""
        return f"{EMOJI[self.emotion]} {self.emotion}{doubt} {self.confidence:.0%}"


def cues(timeline):
    """Neighbouring rows of the same dominant emotion, joined."""
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


def srt_text(timeline):
    """SubRip: numbered cues, times with a comma."""
    return "\n".join(
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues(timeline), 1)
    )


def vtt_text(timeline):
    """WebVTT (W3C): a header, then cues, times with a point."""
    body = (f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{cue.text}\n" for cue in cues(timeline))
    return "\n".join(["WEBVTT\n", *body])


def write_srt(timeline, path):
    """Write SubRip subtitles to a file, whole or not at all. Raises EmorecError where that cannot be done."""
    files.write_result(path, srt_text(timeline).encode())


def write_vtt(timeline, path):
    """Write WebVTT subtitles to a file, whole or not at all. Raises EmorecError where that cannot be done."""
    files.write_result(path, vtt_text(timeline).encode())


def _time(seconds, mark):
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}{mark}{rest % 1000:03d}"
